// What scrolls sideways can be reached by the keyboard. Not every browser does this by itself.
const observer = new ResizeObserver((parts) => {
  for (const { target } of parts) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const part of document.querySelectorAll("pre, div.math, .table-wrapper, .text_html")) observer.observe(part);

// From the disk, a search may not open the pages that it found to quote them.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
