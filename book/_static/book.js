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
