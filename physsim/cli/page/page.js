"use strict";
(() => {
  const LOOKS = {
    line: { mode: "lines", width: 1.5 },
    broad: { mode: "lines", width: 5, opacity: 0.35 },
    dashed: { mode: "lines", width: 1, dash: "dash" },
    marked: { mode: "lines+markers", width: 1.5 },
    dots: { mode: "markers", width: 1.5 },
    rings: { mode: "markers", width: 1.5, symbol: "circle-open", size: 9 },
  };
  const COLOURS = 7;
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const SWATCHES = { dashed: "dashed", dots: "dotted", rings: "dotted" };
  const BORDERS = ["solid", "dashed", "dotted", "dashed"];
  const PAPER_WIDTH = 670; // A4 within its margins, in CSS pixels
  const root = document.documentElement;
  const touch = matchMedia("(pointer: coarse)").matches;
  const variable = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function traces(plot) {
    return plot.traces.map((trace, k) => {
      const { mode, width, opacity, dash, symbol, size } = LOOKS[trace.look];
      const colour = variable(`--c${(trace.colour ?? k) % COLOURS}`);
      return {
        type: "scatter",
        name: escaped(trace.name),
        x: trace.x,
        y: trace.y,
        mode,
        opacity: opacity ?? 1,
        visible: plot.on[k],
        line: { color: colour, width, dash: dash ?? dashOf(trace, k, DASHES) },
        marker: { color: colour, size: size ?? 6, symbol: symbol ?? "circle" },
        hovertemplate: hover(plot),
      };
    });
  }

  const dashOf = (trace, k, dashes) =>
    trace.colour === null ? dashes[Math.floor(k / COLOURS) % dashes.length] : dashes[0];

  const hover = ({ x, y }) =>
    `${x.words.length ? "%{x}" : `%{x:.6~s}${x.unit}`}<br>%{y:${y.unit ? ".5~s" : ".5g"}}${y.unit}`;

  function axis(spec) {
    const shown = {
      title: { text: escaped(spec.label), standoff: 8 },
      automargin: true,
      type: spec.log ? "log" : "linear",
      gridcolor: variable("--rule"),
      zerolinecolor: variable("--rule"),
      linecolor: variable("--faint"),
      exponentformat: spec.unit ? "SI" : "power",
      minexponent: spec.unit ? 0 : 3,
      ticksuffix: escaped(spec.unit),
    };
    if (spec.words.length) {
      return { ...shown, tickvals: spec.words.map((_, k) => k), ticktext: spec.words.map(escaped) };
    }
    if (spec.span) shown.range = spec.log ? spec.span.map(Math.log10) : [...spec.span];
    return shown;
  }

  // Plotly reads a few tags in text.
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

  function layout(plot, width) {
    return {
      width,
      height: Math.max(260, Math.min(360, root.clientWidth * 0.7)),
      autosize: width === undefined,
      margin: { l: 60, r: 12, t: 8, b: 44 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: variable("--ink") },
      showlegend: false,
      hovermode: "closest",
      dragmode: plot.drag,
      uirevision: "keep",
      xaxis: axis(plot.x),
      yaxis: axis(plot.y),
    };
  }

  function draw(plot, width) {
    return Plotly.react(plot.axes, traces(plot), layout(plot, width), {
      responsive: true,
      displayModeBar: false,
      doubleClick: false,
    });
  }

  function home(plot) {
    const change = {};
    for (const name of ["xaxis", "yaxis"]) {
      const { range } = axis(plot[name[0]]);
      if (range) change[`${name}.range`] = range;
      else change[`${name}.autorange`] = true;
    }
    return change;
  }

  function zoomed(plot, factor) {
    const [low, high] = plot.axes.layout.xaxis.range;
    const middle = (low + high) / 2;
    return { "xaxis.range": [middle - (middle - low) * factor, middle + (high - middle) * factor] };
  }

  function button(parent, label, action, title) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    if (title) made.title = title;
    made.addEventListener("click", () => action(made));
    parent.append(made);
    return made;
  }

  function controls(plot) {
    const bar = plot.figure.querySelector(".controls");
    const change = (update) => Plotly.relayout(plot.axes, update);
    button(bar, "+", () => change(zoomed(plot, 0.5)), "Zoom in");
    button(bar, "−", () => change(zoomed(plot, 2)), "Zoom out");
    button(bar, "Reset", () => change(home(plot)), "Show everything again; or double-click the plot");
    button(bar, "Save", () => Plotly.downloadImage(plot.axes, { format: "svg", filename: plot.title }), "Save as SVG");
    if (touch) {
      const drag = button(bar, "Drag zooms", () => {
        plot.drag = plot.drag ? false : "zoom";
        drag.setAttribute("aria-pressed", Boolean(plot.drag));
        change({ dragmode: plot.drag });
      });
      drag.setAttribute("aria-pressed", false);
    }
    if (plot.traces.length > 2) {
      button(bar, "All", () => show(plot, () => true), "Show all curves");
      button(bar, "None", () => show(plot, () => false), "Hide all curves");
    }
  }

  function legend(plot) {
    const place = plot.figure.querySelector(".traces");
    place.hidden = plot.traces.length === 1 && plot.traces[0].name === plot.y.label;
    plot.buttons = plot.traces.map((trace, k) => {
      const made = button(place, trace.name, () => show(plot, (on, j) => (j === k ? !on : on)), "Show or hide");
      made.style.setProperty("--colour", `var(--c${(trace.colour ?? k) % COLOURS})`);
      made.style.setProperty("--dash", SWATCHES[trace.look] ?? dashOf(trace, k, BORDERS));
      const { width, opacity } = LOOKS[trace.look];
      if (width > 3) made.style.setProperty("--thick", `${width}px`);
      if (opacity) made.style.setProperty("--strength", opacity);
      made.setAttribute("aria-pressed", plot.on[k]);
      return made;
    });
    if (plot.traces.length > 1) hint(place, plot.on.includes(false));
  }

  function hint(place, someHidden) {
    const made = document.createElement("span");
    made.className = "hint";
    made.textContent = `a click on a name shows or hides its curve${someHidden ? "; some start hidden" : ""}`;
    place.append(made);
  }

  function show(plot, chosen) {
    plot.on = plot.on.map(chosen);
    plot.buttons.forEach((made, k) => made.setAttribute("aria-pressed", plot.on[k]));
    Plotly.restyle(plot.axes, { visible: plot.on });
  }

  // Plots of one section over the same quantity show the same part of it.
  function follow(plot) {
    const same = (other) => other.x.label === plot.x.label && other.section === plot.section;
    const others = plots.filter((other) => other !== plot && plot.x.label && same(other));
    plot.axes.on("plotly_relayout", (event) => {
      const ranged = Object.keys(event).some((key) => key.startsWith("xaxis.range"));
      if (plot.led || !(ranged || event["xaxis.autorange"])) return;
      const { range } = plot.axes.layout.xaxis;
      for (const other of others) {
        other.led = true;
        Plotly.relayout(other.axes, ranged ? { "xaxis.range": [...range] } : { "xaxis.autorange": true }).then(() => {
          other.led = false;
        });
      }
    });
    plot.axes.on("plotly_doubleclick", () => Plotly.relayout(plot.axes, home(plot)));
  }

  const plots = JSON.parse(document.getElementById("plots").textContent);
  document.querySelectorAll("figure.plot").forEach((figure, k) => {
    const plot = plots[k];
    plot.figure = figure;
    plot.section = figure.closest("section");
    plot.axes = figure.querySelector(".axes");
    plot.on = plot.traces.map((trace) => trace.shown);
    // A finger that scrolls the page must not zoom.
    plot.drag = touch ? false : "zoom";
  });
  for (const plot of plots) {
    legend(plot);
    controls(plot);
    draw(plot);
    follow(plot);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach((plot) => draw(plot)));
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    plots.forEach((plot) => draw(plot, PAPER_WIDTH));
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    plots.forEach((plot) => draw(plot));
  });
})();
