"use strict";
// Pointer and keys in the picture: what lies there is moved at once, and the server is asked.
//
// canvas: element of the picture; view: Bokeh's; sources: kind of what can be dragged → its columns x and y;
// send(command, key): to the server; state(): what the server told last.
const pointer = ({ canvas, view, sources, send, state }) => {
  let drag = null;

  const where = (event) => {
    const box = view.canvas_view.el.getBoundingClientRect();
    return [view.frame.x_scale.invert(event.clientX - box.x), view.frame.y_scale.invert(event.clientY - box.y)];
  };
  const nearest = (event) => {
    const [x, y] = where(event);
    const pixel = Math.abs(view.frame.x_scale.invert(1) - view.frame.x_scale.invert(0));
    let found = null, least = (event.pointerType === "mouse" ? 13 : 26) * pixel;
    for (const kind of ["charge", "line", "handle"]) {
      state().places[kind].forEach(([px, py], number) => {
        const distance = Math.hypot(px - x, py - y);
        if (distance < least) [found, least] = [{ kind, number }, distance];
      });
      // A charge lies above a handle.
      if (found) break;
    }
    return found;
  };
  const move = (kind, number, x, y) => {
    const half = view.model.x_range.end;
    const [px, py] = [x, y].map((value) => Math.round(1000 * Math.min(half, Math.max(-half, value))) / 1000);
    sources[kind].get("x")[number] = px;
    sources[kind].get("y")[number] = py;
    sources[kind].change.emit();
    send([kind, number, px, py], `${kind} ${number}`);
  };
  const add = (x, y) => send(["add", Math.round(100 * x) / 100, Math.round(100 * y) / 100], `add ${x} ${y}`);

  // What was dragged lies where the server says, except for what is under the pointer. A handle is not: it stays on
  // the outline.
  const restore = () => {
    // What was dragged may be gone.
    if (drag && drag.number >= state().places[drag.kind].length) drag = null;
    for (const [kind, points] of Object.entries(state().places)) {
      const x = sources[kind].get("x"), y = sources[kind].get("y");
      points.forEach(([px, py], number) => {
        if (drag?.kind === kind && drag.number === number && kind !== "handle") return;
        x[number] = px;
        y[number] = py;
      });
      sources[kind].change.emit();
    }
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !(drag = nearest(event))) return;
    canvas.setPointerCapture(event.pointerId);
    if (drag.kind === "charge") send(["select", drag.number]);
    if (drag.kind === "handle") send(["pick", drag.number]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) move(drag.kind, drag.number, ...where(event));
    else canvas.style.cursor = event.pointerType === "mouse" && nearest(event) ? "grab" : "";
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => release());
  // A finger on a charge drags it; elsewhere it scrolls the page.
  canvas.addEventListener("touchstart", (event) => {
    const [{ clientX, clientY }] = event.touches;
    if (nearest({ clientX, clientY, pointerType: "touch" })) event.preventDefault();
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => {
    if (!nearest({ clientX: event.clientX, clientY: event.clientY, pointerType: "mouse" })) add(...where(event));
  });
  canvas.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 1 : 0.25, number = Number(state().values.charge);
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (way) move("charge", number, ...["x", "y"].map((axis, one) => sources.charge.get(axis)[number] + step * way[one]));
    else if (event.key === "Delete") send(["remove", number]);
    else return;
    event.preventDefault();
  });
  const release = () => { drag = null; };
  return { add, restore, release };
};
