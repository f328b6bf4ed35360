// What the rendered pages do. All of it comes after the first paint.

// Formulas. MathJax comes when the page stands, without its menu, which would make each formula
// a stop for the Tab key, and typesets what is near the window. Screen readers get MathML.
(() => {
  const source = document.currentScript.dataset.mathjax;
  if (!source) return;
  window.MathJax = {
    loader: {
      load: [
        "input/tex-base", "[tex]/ams", "output/chtml",
        "ui/lazy", "a11y/assistive-mml",
      ],
    },
    tex: { packages: ["base", "ams"] },
    options: { processHtmlClass: "tex2jax_process|mathjax_process|math|output_area" },
  };
  const load = () => {
    const script = document.createElement("script");
    script.src = source;
    document.head.append(script);
  };
  // The second frame comes after the first paint.
  requestAnimationFrame(() => requestAnimationFrame(load));
})();

// The theme gives the switch of a folded part of the contents no name.
for (const summary of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
  const part = summary.closest("li").querySelector("a")?.textContent.trim();
  summary.setAttribute("aria-label", `Pages of ${part}`);
}

// A tap on a figure does what the link under it does.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".bd-article img")?.nextElementSibling;
  if (link?.matches("a.full-size")) link.click();
});

// A box that scrolls sideways must be reachable from the keyboard. The theme sees to code and
// outputs; tables and formulas are left. Which of them scroll depends on the width of the window
// and on formulas, which are typeset after the page has loaded.
(() => {
  const boxes = ".bd-article :is(.pst-scrollable-table-container, div.math, details)";

  const update = (box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  };

  // A box that changes its width, or whose content does, says so itself, and after the layout:
  // the window's own event comes before the columns beside the text have found their places.
  window.addEventListener("load", () => {
    const watch = new ResizeObserver((seen) => {
      for (const { target } of seen) update(target.closest(boxes) ?? target);
    });
    for (const box of document.querySelectorAll(boxes)) {
      for (const part of [box, ...box.children]) watch.observe(part);
    }
  });
})();
