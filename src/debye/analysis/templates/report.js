"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const places = JSON.parse(document.getElementById("plots").textContent);
  const shown = [];

  // Figures take the page's colours, whichever of the two sets it has now.
  const paint = (plot) => {
    const style = getComputedStyle(root);
    const [ink, soft, rule] = ["--ink", "--soft", "--rule"].map((name) => style.getPropertyValue(name).trim());
    for (const part of [...plot.below, ...plot.left, ...plot.center]) {
      if (part.type.endsWith("Axis")) {
        part.axis_label_text_color = ink;
        part.major_label_text_color = soft;
        part.axis_line_color = soft;
        part.major_tick_line_color = soft;
      } else if (part.type === "Grid") {
        part.grid_line_color = rule;
      } else if (part.tags.includes("ink")) {
        part.line_color = ink;
      }
    }
  };
  const repaint = () => shown.forEach(paint);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

  const hidden = new Set();
  const hide = (plot) => {
    for (const renderer of plot.renderers) renderer.visible = !hidden.has(renderer.name);
  };
  const buttons = [...document.querySelectorAll(".legend button")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const name = button.dataset.network;
      if (!hidden.delete(name)) hidden.add(name);
      for (const other of buttons) other.setAttribute("aria-pressed", String(!hidden.has(other.dataset.network)));
      shown.forEach(hide);
    });
  }

  // A figure is drawn when it comes near: the page is there at once.
  const embed = async (place) => {
    const [view] = (await Bokeh.embed.embed_item(places[place.id], place.id)).roots;
    paint(view.model);
    hide(view.model);
    shown.push(view.model);
    place.dataset.drawn = "yes";
  };
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      embed(entry.target);
    }
  }, { rootMargin: "600px" });
  for (const id of Object.keys(places)) watcher.observe(document.getElementById(id));

  // On paper nothing can be unfolded; configurations stay folded.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open]):not(.raw)")];
    for (const one of folded) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });
})();
