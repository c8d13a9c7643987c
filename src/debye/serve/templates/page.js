// The page's controls and its channel to the server; `pointer.js` before it is for the picture.
(() => {
  const place = (id) => document.getElementById(id);
  const root = document.documentElement;
  const queue = new Map();
  let told = null, ask, tell, picture, busy = false, sent = 0, late;

  // One message at a time: what is dragged while the server works is sent when it is done, the newest place only.
  const send = (command, key = command[0]) => {
    if (command[0].startsWith("remove")) {
      // What is removed is dragged no longer, and nobody is told where it was dragged to.
      picture.release();
      for (const one of [...queue.keys()]) if (/^(charge|handle) /.test(one)) queue.delete(one);
    }
    queue.delete(key);
    queue.set(key, command);
    flush();
  };
  const flush = () => {
    if (busy || !queue.size || !ask) return;
    busy = true;
    late = setTimeout(() => say("page: found no answer for 20 s, expected one; look whether debye serve still runs, and load the page again"), 20000);
    // Numbered, for Bokeh sends nothing that equals the last.
    ask.data = { text: [JSON.stringify([...queue.values()])], number: [++sent] };
    queue.clear();
  };

  const set = (one, value) => {
    // Not under the fingers of who types.
    if (one === document.activeElement && one.type === "number") return;
    if (one.value !== String(value)) one.value = value;
  };
  const list = (parent, rows, make) => parent.replaceChildren(...rows.flatMap(make));
  const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
  const say = (text) => {
    const message = place("message");
    if (message.textContent !== text) message.textContent = text;
    message.hidden = !text;
  };
  const show = () => {
    for (const [name, names] of Object.entries(told.options)) {
      const select = place(name);
      if (names.join("\n") !== [...select.options].map((one) => one.text).join("\n")) {
        select.replaceChildren(...names.map((text, number) => new Option(text, number)));
      }
    }
    for (const [name, value] of Object.entries(told.values)) {
      set(place(name), value);
      const slider = place(`${name}_slider`);
      if (slider) set(slider, value);
    }
    for (const [name, text] of Object.entries(told.texts)) place(`text_${name}`)?.replaceChildren(text);
    list(place("facts"), told.facts, ([name, value]) => [element("dt", name), element("dd", value)]);
    list(place("warnings"), told.warnings, (text) => [element("li", text)]);
    place("served").textContent = `${Math.round(told.milliseconds)} ms`;
    say(told.message);
    root.classList.toggle("stale", told.stale);
    place("atoms").hidden = told.family !== "molecule";
    place("key_solved").hidden = !told.solved || told.values.source !== "network";
    const compared = place("compared");
    const fresh = compared.hidden && told.solved;
    compared.hidden = !told.solved;
    if (fresh) compared.scrollIntoView({ block: "nearest" });
    root.dataset.number = told.number;
    root.dataset.milliseconds = told.milliseconds;
    root.dataset.processor = told.processor;
  };
  const save = ({ name, type, content }) => {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const listen = () => {
    told = JSON.parse(tell.get("text")[0]);
    busy = false;
    clearTimeout(late);
    picture.restore();
    show();
    if (told.file) save(told.file);
    flush();
  };

  const controls = () => {
    const value = (name) => place(name).valueAsNumber;
    const number = (name) => Number(place(name).value);
    const on = (name, make) => {
      for (const one of [place(name), place(`${name}_slider`)].filter(Boolean)) {
        const act = () => {
          const command = make(one.type === "number" || one.type === "range" ? one.valueAsNumber : one.value);
          if (command.every((part) => part === part)) send(command, `${command[0]} ${name}`);
        };
        // On the way to 310 nobody means 3: what is out of its range is asked only when it stays.
        const outside = () => one.validity.rangeUnderflow || one.validity.rangeOverflow;
        one.addEventListener("input", () => outside() || act());
        one.addEventListener("change", () => outside() && act());
        // What was refused gives way to what holds.
        one.addEventListener("blur", () => set(one, told.values[name]));
      }
    };
    on("family", (name) => ["family", name]);
    on("ions", (name) => ["ions", name]);
    on("source", (name) => ["source", name]);
    on("charge", (text) => ["select", Number(text)]);
    on("handle", (text) => ["pick", Number(text)]);
    for (const kind of ["charge", "handle"]) {
      for (const axis of ["x", "y"]) on(`${kind}_${axis}`, () => [kind, number(kind), value(`${kind}_x`), value(`${kind}_y`)]);
    }
    on("charge_q", (q) => ["value", number("charge"), q]);
    on("radius", (radius) => ["radius", number("handle"), radius]);
    for (const key of ["debye_length", "eps_solute", "eps_solvent", "temperature"]) on(key, (one) => ["medium", key, one]);
    for (const end of [0, 1]) {
      for (const axis of ["x", "y"]) on(`line_${axis}${end}`, () => ["line", end, value(`line_x${end}`), value(`line_y${end}`)]);
    }
    const click = (name, make) => place(name).addEventListener("click", () => send(make()));
    // In the middle of the charges that there are: in the solute, more often than not.
    place("add").addEventListener("click", () => {
      const mean = (axis) => told.places.charge.reduce((sum, one) => sum + one[axis], 0) / told.places.charge.length;
      picture.add(mean(0), mean(1));
    });
    click("remove", () => ["remove", number("charge")]);
    click("add_atom", () => ["add_atom"]);
    click("remove_atom", () => ["remove_atom", number("handle")]);
    click("solve", () => ["solve"]);
    for (const kind of ["yaml", "netcdf", "png"]) place(kind).addEventListener("click", () => send(["download", kind], kind));
    document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  };

  // Figures take the page's colours, whichever of the two sets it has now.
  const paint = (plot) => {
    const style = getComputedStyle(root);
    const [ink, soft] = ["--ink", "--soft"].map((name) => style.getPropertyValue(name).trim());
    for (const part of [...plot.above, ...plot.below, ...plot.left, ...plot.center]) {
      if (part.type.endsWith("Axis")) {
        part.setv({ axis_label_text_color: ink, major_label_text_color: soft, axis_line_color: soft, major_tick_line_color: soft });
      } else if (part.type === "ColorBar") {
        part.setv({ title_text_color: ink, major_label_text_color: soft });
      } else if (part.tags.includes("ink")) {
        part.line_color = soft;
      }
    }
  };
  const start = (found) => {
    const named = (name) => found.get_model_by_name(name);
    [ask, tell] = ["ask", "tell"].map(named);
    const plots = ["picture", "profile", "difference"].map(named);
    // Where keys do something there is a stop with a name; Bokeh's own have none.
    for (const plot of plots) Bokeh.index.get_by_id(plot.id).canvas_view.events_el.tabIndex = -1;
    const sources = { charge: named("charges"), handle: named("handles"), line: named("line") };
    picture = pointer({ canvas: place("picture"), view: Bokeh.index.get_by_id(plots[0].id), sources, send, state: () => told });
    const repaint = () => plots.forEach(paint);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    repaint();
    tell.properties.data.change.connect(listen);
    controls();
    listen();
    root.dataset.ready = "yes";
  };
  // Bokeh fetches the session by itself.
  const wait = setInterval(() => {
    const [found] = window.Bokeh?.documents ?? [];
    const figure = found?.get_model_by_name("picture");
    if (!figure || !Bokeh.index.get_by_id(figure.id)) return;
    clearInterval(wait);
    start(found);
  }, 30);
})();
