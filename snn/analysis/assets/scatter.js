// Any two columns against each other, coloured by a third, with the front that no run beats.

function makeScatter() {
  const numeric = [...columns.keys()].filter(
    (c) => columns[c].kind !== "word" && rows.some((row) => row[c] !== null),
  );
  const measures = numeric.filter((c) => columns[c].kind === "measure");
  if (measures.length < 2 || rows.length < 2) {
    document.getElementById("scatter-part").hidden = true;
    return;
  }
  const [xs, ys, cs] = ["x", "y", "c"].map((name) => document.getElementById(`scatter-${name}`));
  const costs = measures.filter((c) => columns[c].better < 0 && c !== report.metric);
  listed(xs, numeric, costs[0] ?? numeric[0]);
  listed(ys, numeric, report.metric ?? measures[0]);
  listed(cs, numeric, numeric.find((c) => columns[c].kind === "axis") ?? report.metric ?? measures[0]);
  for (const select of [xs, ys, cs]) select.addEventListener("change", () => draw(chart, "columns"));

  let order = [];
  function draw(chart, part) {
    if (["sort", "table"].includes(part)) return;
    const { quiet, series, paper, ink } = theme();
    const [x, y, c] = [xs, ys, cs].map((select) => Number(select.value));
    order = seen().filter((i) => rows[i][x] !== null && rows[i][y] !== null);
    const tint = tints(c);
    const points = order.map((i) => ({
      value: [rows[i][x], rows[i][y]],
      symbolSize: state.chosen.includes(i) ? 12 : 7,
      itemStyle: {
        color: tint(rows[i][c]),
        borderColor: state.chosen.includes(i) ? ink : paper,
        borderWidth: state.chosen.includes(i) ? 2 : 0.5,
      },
    }));
    const front = frontOf(order, x, y);
    const wide = (column) => ({ ...columns[column], log: isWide(column) });
    const named = { nameLocation: "middle", nameGap: 32 };
    chart.setOption({
      animation: false,
      tooltip: tooltip((hit) => (hit.seriesIndex === 0 ? hover(order[hit.dataIndex]) : "")),
      grid: { left: 62, right: 18, top: 16, bottom: 52 },
      xAxis: { ...axisOf(wide(x), columns[x].title), ...named },
      yAxis: { ...axisOf(wide(y), columns[y].title), ...named, nameGap: 44 },
      series: [
        { type: "scatter", data: points, z: 3, cursor: "pointer" },
        {
          type: "line",
          step: "end",
          data: front.map((i) => [rows[i][x], rows[i][y]]),
          symbol: "none",
          silent: true,
          lineStyle: { color: series[0], width: 1.5 },
        },
      ],
    }, { replaceMerge: ["xAxis", "yAxis"] });
    const ranked = columns[x].better && columns[y].better;
    document.getElementById("front").textContent = ranked
      ? `On the line: ${front.length} of ${order.length} runs; no run is better in both (Pareto front).`
      : "No front: of one of the two columns neither more nor less is better.";
  }
  const chart = makeChart("scatter", draw);
  chart.on("click", (hit) => {
    if (hit.seriesIndex === 0) choose(order[hit.dataIndex]);
  });
}

function tints(c) {
  const { series } = theme();
  const values = [...new Set(rows.map((row) => row[c]).filter((v) => v !== null))];
  if (!columns[c].number) return (v) => series[values.indexOf(v) % series.length];
  const scale = isWide(c) ? Math.log : (v) => v;
  const [low, high] = range(rows.map((row) => (row[c] === null ? null : scale(row[c]))));
  return (v) => (v === null ? theme().plain : tinted(scale(v), low, high));
}

function isWide(c) {
  if (!columns[c].number) return false;
  if (columns[c].kind !== "measure") return Boolean(columns[c].log);
  if (columns[c].better > 0) return false; // accuracies have a scale of their own
  const values = rows.map((row) => row[c]).filter((v) => v !== null);
  const low = Math.min(...values);
  return low > 0 && Math.max(...values) / low > 20;
}

// Runs that no other beats in both columns, along the first.
function frontOf(indices, x, y) {
  const [sx, sy] = [columns[x].better, columns[y].better];
  if (!sx || !sy || x === y) return [];
  const better = (c, sign) => (i) => sign * rows[i][c];
  const [gx, gy] = [better(x, sx), better(y, sy)];
  const order = [...indices].sort((a, b) => gx(b) - gx(a) || gy(b) - gy(a));
  const front = [];
  for (const i of order) if (!front.length || gy(i) > gy(front[front.length - 1])) front.push(i);
  return front;
}
