// What scrolls sideways can be reached by the keyboard. Not every browser does this by itself.
const observer = new ResizeObserver((parts) => {
  for (const { target } of parts) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const part of document.querySelectorAll("pre, div.math, .table-wrapper, .text_html")) observer.observe(part);
