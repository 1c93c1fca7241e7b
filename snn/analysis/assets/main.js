// Puts the parts together, and keeps a page fresh whose sweep still runs.

recall();
makeTable();
makeParallel();
makeScatter();
makeCurves();
changed("all");

// A hint where something is wider than its frame.
function measureWidth() {
  for (const frame of document.querySelectorAll(".table, .drawing")) {
    const isWide = frame.scrollWidth > frame.clientWidth + 1;
    frame.parentElement.classList.toggle("wide", isWide);
    if (isWide) frame.tabIndex = 0; // arrow keys move what has the focus
    else frame.removeAttribute("tabindex");
  }
}
for (const frame of document.querySelectorAll(".table, .drawing")) {
  const around = element("div");
  frame.replaceWith(around);
  around.append(element("p", { class: "hint sideways" }, "Wider than the screen: it moves sideways. →"));
  around.append(frame);
}
new ResizeObserver(measureWidth).observe(document.body);
measureWidth();

if (report.refresh !== null) {
  const stop = document.getElementById("reload");
  setInterval(() => {
    const busy = document.activeElement?.matches("input[type=search], select");
    if (stop.checked && !busy && !state.brushed) location.reload();
  }, 1000 * report.refresh);
}
document.documentElement.dataset.ready = String(Math.round(performance.now()));
