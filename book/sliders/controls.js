// What the pages with sliders share: numbers as text, the state of the controls, and charts.
// The build makes it a plain script, because no module is imported from a disk; see tools/sliders.py.

// Four digits: 1.234e24, 12,350, 0.01235. tools/slider_answers.py writes numbers the same way.
export function text(x) {
  if (x === null || !Number.isFinite(x)) return "none";
  if (x === 0) return "0";
  const [digits, power] = x.toExponential(3).split("e");
  const e = Number(power);
  if (e >= 6 || e < -3) return `${digits}e${e}`;
  const rounded = Number(`${digits}e${e}`);
  if (e < 3) return rounded.toFixed(3 - e);
  return String(rounded).replace(/\B(?=(\d{3})+$)/g, ",");
}

// The 10, 50 and 90 % of draws, without interpolation; a draw without a value lies above all.
export function quantiles(values) {
  const sorted = values.map((x) => (Number.isNaN(x) ? Infinity : x)).sort((a, b) => a - b);
  return [0.1, 0.5, 0.9].map((q) => sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)]);
}

export function withRange(values) {
  const [low, middle, high] = quantiles(values);
  return values.length > 1 ? `${text(middle)} (${text(low)} to ${text(high)})` : text(middle);
}

// Six digits without zeros at the end, as Python's format "g" writes a number for a command.
export const plain = (x) => x.toPrecision(6).replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "");

// A setting, to be read again as it is: 5.76e23, 1024, 0.4. In an address "+" would mean a blank.
const short = (x) => (x >= 1e6 ? x.toExponential() : String(x)).replace("+", "");

// Put answers into a sentence that has their names in braces.
const fill = (sentence, cells) => sentence.replace(/\{(\w+)\}/g, (_, name) => cells[name]);

// A difference of losses that rounding could make is none.
export const settled = (x) => (Math.abs(x) < 1e-9 ? 0 : x);

export const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

// A slider moves in the logarithm of what its number field says, or in the number itself. Where
// only some numbers can be had, the nearest one is taken.
const SCALES = {
  linear: { to: (x) => x, from: (s) => Number(s.toPrecision(12)) },
  count: { to: (x) => x, from: (s) => s, near: Math.round },
  log10: { to: Math.log10, from: (s) => Number((10 ** s).toPrecision(3)) },
  log2: { to: Math.log2, from: (s) => 2 ** s, near: (x) => 2 ** Math.round(Math.log2(x)) },
  whole: { to: Math.log10, from: (s) => Number((10 ** s).toPrecision(3)), near: Math.round },
};

class Control {
  constructor(box) {
    this.name = box.dataset.name;
    this.field = box.querySelector("[data-field]");
    this.slider = box.querySelector("input[type=range]");
    this.scale = SCALES[box.dataset.scale] ?? null;
    if (this.scale) {
      this.ends = [Number(this.field.min), Number(this.field.max)];
      [this.from, this.to] = this.ends.map(this.scale.to);
    }
  }

  get value() {
    return this.scale ? this.known : this.field.value;
  }

  // Take a value from the address or from a field; what is no value of this control is refused.
  set(given) {
    if (!this.scale) {
      const options = [...(this.field.options ?? [])].map((option) => option.value);
      if (options.length && !options.includes(given)) return;
      this.field.value = given;
      return;
    }
    const number = given === "" ? NaN : Number(given);
    if (!Number.isFinite(number)) return;
    const inside = clamp(number, ...this.ends);
    this.known = this.scale.near?.(inside) ?? inside;
    const share = (this.scale.to(this.known) - this.from) / (this.to - this.from);
    this.place = Math.round(share * Number(this.slider.max));
    this.slider.value = this.place;
    this.slider.setAttribute("aria-valuetext", this.words);
  }

  get words() {
    return this.scale ? short(this.known) : this.field.value;
  }

  show() {
    if (this.scale) this.field.value = this.words;
  }

  slide() {
    const [before, places] = [this.known, Number(this.slider.max)];
    let place = Number(this.slider.value);
    const step = Math.sign(place - this.place);
    // Small whole numbers lie several places apart: a key goes on to the next one.
    do {
      this.set(this.scale.from(this.from + (place / places) * (this.to - this.from)));
      place += step;
    } while (step && this.known === before && place >= 0 && place <= places);
    this.show();
  }
}

// Connect the controls of a page with a function of their values, and with the address.
export function run(answer) {
  const root = document.querySelector(".sliders");
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const controls = [...root.querySelectorAll("[data-name]")].map((box) => new Control(box));
  const first = Object.fromEntries(controls.map((one) => [one.name, one.field.defaultValue
    ?? [...one.field.options].find((option) => option.defaultSelected).value]));
  const spoken = root.querySelector("[aria-live]");
  let waiting = 0;

  function update(quietly) {
    const state = Object.fromEntries(controls.map((one) => [one.name, one.value]));
    const found = answer(data, state);
    for (const cell of root.querySelectorAll("[data-answer]")) {
      cell.textContent = found.cells[cell.dataset.answer] ?? "";
    }
    const sentence = fill(found.says ?? data.says, found.cells);
    const drawing = root.querySelector(".chart");
    drawing.innerHTML = found.chart;
    drawing.setAttribute("aria-label", sentence);
    clearTimeout(waiting);
    const speak = () => {
      if (spoken.textContent !== sentence) spoken.textContent = sentence;
      if (quietly) return;
      const settings = controls.map((one) => [one.name, one.words]);
      history.replaceState(null, "", `#${new URLSearchParams(settings)}`);
    };
    // While a slider moves, neither a reader's ear nor the address follows each step.
    if (quietly) speak();
    else waiting = setTimeout(speak, 250);
  }

  const addressed = () => new URLSearchParams(location.hash.slice(1).replaceAll("+", ""));

  function restore() {
    const given = addressed();
    for (const one of controls) {
      one.set(first[one.name]);
      if (given.has(one.name)) one.set(given.get(one.name));
      one.show();
    }
    update(true);
  }

  for (const one of controls) {
    one.field.addEventListener("input", () => {
      one.set(one.field.value);
      update();
    });
    one.field.addEventListener("change", () => one.show());
    if (!one.scale) continue;
    const slide = () => {
      one.slide();
      update();
    };
    one.slider.addEventListener("input", slide);
    // A browser's own step is 1, which is nothing to a budget and leaves the powers of two.
    one.field.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!steps) return;
      event.preventDefault();
      one.slider.stepUp(steps);
      slide();
    });
  }
  root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => {
    const given = addressed();
    // A link inside the page, such as that past the menus, changes no setting.
    if (location.hash && !controls.some((one) => given.has(one.name))) update();
    else restore();
  });
  restore();
  for (const part of root.querySelectorAll("[hidden]")) part.hidden = false;
}

// Charts: one drawing of 360 by 300 units, in the colours of the page.

export const BOX = { left: 52, right: 348, top: 12, bottom: 256 };

// In logarithms whole powers of ten, and others between them where there are few.
function ticks(low, high, log) {
  const found = [];
  if (log) {
    const [from, to] = [Math.log10(low), Math.log10(high)];
    const step = Math.max(1, Math.ceil((to - from) / 4));
    for (let e = Math.floor(from); e <= to; e++) {
      const digits = to - from < 1.5 ? [1, 2, 5] : to - from < 3 ? [1, 3] : e % step ? [] : [1];
      found.push(...digits.map((k) => Number(`${k}e${e}`)));
    }
    return found.filter((x) => x >= low && x <= high);
  }
  const raw = (high - low) / 4;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * size).find((k) => k >= raw);
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found;
}

const tickText = (x, log) => (log ? x.toExponential(0).replace("+", "") : plain(x));

// Lines are {kind, points}, dots {kind, x, y}, labels {x, y, words}.
export function chart({ x, y, xlog, ylog, xname, yname, lines, dots, labels }) {
  const place = (range, log, low, high) => (v) => {
    const f = log ? Math.log : (u) => u;
    return low + ((f(v) - f(range[0])) / (f(range[1]) - f(range[0]))) * (high - low);
  };
  const px = place(x, xlog, BOX.left, BOX.right);
  const py = place(y, ylog, BOX.bottom, BOX.top);
  const at = ([u, v]) => `${px(u).toFixed(1)} ${clamp(py(v), -999, 999).toFixed(1)}`;
  let drawn = `<clipPath id="inside"><rect x="${BOX.left}" y="${BOX.top}" width="${BOX.right - BOX.left}" height="${BOX.bottom - BOX.top}"/></clipPath>`;
  for (const v of ticks(...x, xlog)) {
    drawn += `<path class="tick" d="M${px(v).toFixed(1)} ${BOX.top}V${BOX.bottom}"/><text x="${px(v).toFixed(1)}" y="${BOX.bottom + 15}" text-anchor="middle">${tickText(v, xlog)}</text>`;
  }
  for (const v of ticks(...y, ylog)) {
    drawn += `<path class="tick" d="M${BOX.left} ${py(v).toFixed(1)}H${BOX.right}"/><text x="${BOX.left - 5}" y="${(py(v) + 4).toFixed(1)}" text-anchor="end">${tickText(v, ylog)}</text>`;
  }
  drawn += `<text x="${(BOX.left + BOX.right) / 2}" y="${BOX.bottom + 34}" text-anchor="middle">${xname}</text><text transform="translate(12 ${(BOX.top + BOX.bottom) / 2}) rotate(-90)" text-anchor="middle">${yname}</text>`;
  const paths = lines.map(({ kind, points }) => {
    const there = points.filter(([, v]) => Number.isFinite(v));
    return there.length ? `<path class="${kind}" d="M${there.map(at).join("L")}"/>` : "";
  });
  const round = dots.map((dot) => `<circle class="${dot.kind}" r="5" cx="${px(dot.x).toFixed(1)}" cy="${py(dot.y).toFixed(1)}"/>`);
  drawn += `<g clip-path="url(#inside)">${paths.join("")}${round.join("")}</g>`;
  for (const one of labels ?? []) {
    const [u, v] = [px(one.x), py(one.y)];
    if (u > BOX.left && u < BOX.right - 30 && v > BOX.top + 8 && v < BOX.bottom) {
      drawn += `<text x="${(u + 4).toFixed(1)}" y="${(v - 4).toFixed(1)}">${one.words}</text>`;
    }
  }
  return drawn;
}
