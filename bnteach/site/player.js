// Shows recorded labs. Each position of a lab's controls was drawn beforehand; here the drawing is repeated.
//
//   <div class="bnteach-lab" data-lab="Depth" data-start='{"depth": 3}' data-recording="recordings/Depth.js">
//
// What stands inside the div, a still picture, stays where a recording cannot be shown. `recording.py` makes the
// recordings and says what is in them. A lab that is ready has data-ready; one that failed has data-failed.
"use strict";
(() => {
  const FRAME_TIME = 120;    // milliseconds, while a control plays
  const NARROW = 0.6;        // where the picture would be smaller than this share of its full size, it is cut into rows
  const SMALLEST = 0.48;     // the smallest size of a row; what is wider still is scrolled

  // "M1L3Z1" and the steps between the points, as a path whose first point is at 0, 0.
  function outline([kinds, ...steps], parts) {
    const path = new Path2D();
    let x = 0, y = 0, at = -2;
    const point = () => {
      if (at >= 0) { x += steps[at]; y += steps[at + 1]; }
      at += 2;
      return [x / parts, y / parts];
    };
    const draw = {
      M: () => path.moveTo(...point()),
      L: () => path.lineTo(...point()),
      Q: () => path.quadraticCurveTo(...point(), ...point()),
      C: () => path.bezierCurveTo(...point(), ...point(), ...point()),
      Z: () => path.closePath(),
    };
    const points = { Q: 2, C: 3 };
    for (const [, kind, count] of kinds.matchAll(/([MLQCZ])(\d+)/g))
      for (let n = 0; n < count; n += points[kind] ?? 1) draw[kind]();
    return path;
  }

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  // The canvas: sharp at every size, with its panels in one row or, where that is too small to read, in several.
  class Picture {
    constructor(recording) {
      this.recording = recording;
      this.outlines = [];
      this.canvas = element("canvas", { role: "img" });
      this.box = element("div", { class: "bnteach-picture" }, this.canvas);
      new ResizeObserver(() => this.fit()).observe(this.box);
    }

    // The panels in rows; each piece of the picture with its place. Where all fit into one row, it is one piece.
    layOut(room) {
      const { width, height, breaks } = this.recording;
      const sides = room < NARROW * width ? [0, ...breaks, width] : [0, width];
      let x = 0, y = 0;
      const pieces = sides.slice(1).map((right, n) => {
        const piece = { left: sides[n], width: right - sides[n] };
        if (x && x + piece.width > room / SMALLEST) { x = 0; y += height; }
        Object.assign(piece, { x, y });
        x += piece.width;
        return piece;
      });
      const widest = Math.max(...pieces.map((piece) => piece.x + piece.width));
      return { pieces, scale: Math.min(1, Math.max(room / widest, SMALLEST)), width: widest, height: y + height };
    }

    fit() {
      const plan = (this.plan = this.layOut(this.box.clientWidth));
      const style = { width: `${plan.scale * plan.width}px`, height: `${plan.scale * plan.height}px` };
      Object.assign(this.canvas.style, style);
      const scrolls = plan.scale * plan.width > this.box.clientWidth + 1;
      scrolls ? this.box.setAttribute("tabindex", "0") : this.box.removeAttribute("tabindex");
      this.draw();
    }

    draw(frame = this.frame) {
      this.frame = frame;
      if (!this.plan || frame === undefined) return;
      const { canvas, plan, recording } = this, context = canvas.getContext("2d");
      const dots = plan.scale * window.devicePixelRatio;
      const [width, height] = [Math.round(dots * plan.width), Math.round(dots * plan.height)];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      context.setTransform(dots, 0, 0, dots, 0, 0);
      context.fillStyle = "white";
      context.fillRect(0, 0, plan.width, plan.height);
      for (const piece of plan.pieces) {
        context.save();
        context.beginPath();
        context.rect(piece.x, piece.y, piece.width, recording.height);
        context.clip();
        context.translate(piece.x - piece.left, piece.y);
        for (const mark of recording.frames[frame])
          for (const operation of recording.marks[mark]) this.repeat(context, operation);
        context.restore();
      }
    }

    repeat(context, [number, shape, ...places]) {
      const { styles, paths, parts } = this.recording;
      const [fill, line, width, ends, corners, dashes, clip] = styles[number];
      const path = (this.outlines[shape] ??= outline(paths[shape], parts));
      context.save();
      if (clip.length) { context.beginPath(); context.rect(...clip); context.clip(); }
      if (fill) context.fillStyle = fill;
      if (line) {
        const lineCap = ends === "projecting" ? "square" : ends;
        Object.assign(context, { strokeStyle: line, lineWidth: width, lineCap, lineJoin: corners });
        context.setLineDash(dashes);
      }
      for (let at = 0; at < places.length; at += 2) {
        context.translate(places[at] / parts, places[at + 1] / parts);
        if (fill) context.fill(path);
        if (line) context.stroke(path);
      }
      context.restore();
    }
  }

  // One function for each kind of control: its box, and how it shows the position that it is put to.
  const kinds = {
    slider(control, choose) {
      const range = element("input", { type: "range", min: 0, max: control.words.length - 1,
        oninput: () => choose(+range.value) });
      const value = element("span", { class: "bnteach-value", "aria-hidden": "true" });  // aria-valuetext says it
      const box = element("label", { title: control.help }, element("span", {}, control.label), range, value);
      return { box, show: (place) => {
        range.value = place;
        value.textContent = control.words[place];
        range.setAttribute("aria-valuetext", control.words[place]);
      } };
    },

    choice(control, choose, id) {
      const radios = control.words.map((_, place) =>
        element("input", { type: "radio", name: id, onchange: () => choose(place) }));
      const labels = radios.map((radio, place) => element("label", {}, radio, control.words[place]));
      const box = element("fieldset", { title: control.help }, element("legend", {}, control.label), ...labels);
      return { box, show: (place) => { radios[place].checked = true; } };
    },

    switch(control, choose) {
      const tick = element("input", { type: "checkbox", onchange: () => choose(+tick.checked) });
      const box = element("label", { title: control.help }, tick, control.label);
      return { box, show: (place) => { tick.checked = place === 1; } };
    },

    counter() {  // a button counts it on
      return { box: "", show: () => {} };
    },
  };

  class Lab {
    constructor(root, recording, id) {
      const { controls, title, look } = (this.recording = recording);
      const start = JSON.parse(root.dataset.start || "{}");
      this.places = controls.map((control) => this.startOf(control, start));
      this.controls = controls.map((control, n) =>
        kinds[control.kind](control, (place) => this.choose({ [n]: place }), `${id}-${control.name}`));
      this.picture = new Picture(recording);
      this.reading = element("p", { class: "bnteach-reading", role: "status", "aria-live": "polite" });
      const boxes = this.controls.filter((_, n) => controls[n].words.length > 1).map((control) => control.box);
      const buttons = recording.buttons.map((button) => this.button(button));
      root.replaceChildren(
        element("p", {}, element("strong", {}, `${title}.`), ` ${look}`),
        element("div", { class: "bnteach-controls" }, ...boxes, ...buttons), this.picture.box, this.reading);
      this.show();
    }

    startOf(control, start) {
      if (!(control.name in start)) return control.start;
      const place = control.values.indexOf(start[control.name]);
      if (place < 0) throw new RangeError(`${control.name} is ${start[control.name]}, recorded: ${control.values}`);
      return place;
    }

    button(does) {
      const press = () => {
        const goOn = does.plays !== null && !this.playing;
        this.stop();
        if (goOn) return this.play(does.plays, made, does.name);
        const moves = Object.entries(does.moves).map(([n, steps]) => [n, this.moved(n, steps)]);
        this.choose({ ...does.sets, ...Object.fromEntries(moves) });
      };
      const made = element("button", { type: "button", title: does.help, onclick: press }, does.name);
      return made;
    }

    // A counter begins anew after its last position; other controls stay within their ends.
    moved(n, steps) {
      const { kind, words } = this.recording.controls[n], place = this.places[n] + steps;
      if (kind === "counter") return place % words.length;
      return Math.min(Math.max(place, 0), words.length - 1);
    }

    play(n, button, name) {
      const last = this.recording.controls[n].words.length - 1;
      if (this.places[n] === last) this.choose({ [n]: 0 });
      button.textContent = "Pause";
      const timer = setInterval(() => {
        this.choose({ [n]: this.moved(n, 1) });
        if (this.places[n] === last) this.stop();
      }, FRAME_TIME);
      this.playing = { timer, button, name };
    }

    stop() {
      if (!this.playing) return;
      clearInterval(this.playing.timer);
      this.playing.button.textContent = this.playing.name;
      this.playing = undefined;
    }

    choose(places) {
      Object.assign(this.places, places);
      this.asked ??= requestAnimationFrame(() => { this.asked = undefined; this.show(); });
    }

    show() {
      const { controls, title, words } = this.recording;
      const frame = controls.reduce((number, control, n) => number * control.words.length + this.places[n], 0);
      this.controls.forEach((control, n) => control.show(this.places[n]));
      this.picture.draw(frame);
      this.picture.canvas.setAttribute("aria-label", `${title}. ${words[frame]}`);
      this.reading.textContent = words[frame];
    }
  }

  // A recording comes as a script, because a page that was opened from the disk may load nothing else.
  const recordings = {};
  function recordingOf({ lab, recording }) {
    return (recordings[lab] ??= new Promise((done, failed) => {
      if (globalThis.bnteachRecordings?.[lab]) return done();
      document.head.append(element("script", { src: recording, onload: done, onerror: failed }));
    }).then(() => unpacked(globalThis.bnteachRecordings[lab])));
  }

  async function unpacked(base64) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  let count = 0;
  async function begin(root) {
    try {
      root.lab = new Lab(root, await recordingOf(root.dataset), `bnteach-lab-${count++}`);
      root.dataset.ready = "";
    } catch (error) {  // the still picture stays
      root.dataset.failed = error;
      const why = "This lab cannot move here: its recording is missing, or the browser is older than 2023.";
      root.append(element("p", { class: "bnteach-reading" }, why));
      console.error(error);
    }
  }

  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      begin(target);
    }
  }, { rootMargin: "1000px" });
  addEventListener("DOMContentLoaded", () => {
    for (const root of document.querySelectorAll(".bnteach-lab")) near.observe(root);
  });
})();
