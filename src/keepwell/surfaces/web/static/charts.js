// Pictures of the charts that a page tells as data. Colours come from the theme; every figure's words come from the server.
"use strict";
(() => {
  const drawn = new Map();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--kw-${name}`).trim();
  const series = (i) => colour(`series-${(i % 8) + 1}`);
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  // a tooltip as elements: a style written into HTML would be against the page's policy
  function tip(lines) {
    const box = document.createElement("div");
    box.className = "kw-tip";
    lines.filter(Boolean).forEach((line, i) => {
      const row = document.createElement("div");
      const part = i === 0 ? document.createElement("b") : document.createElement("span");
      part.textContent = line;
      row.append(part);
      box.append(row);
    });
    return box;
  }

  const axis = () => ({ axisTick: { show: false }, axisLine: { lineStyle: { color: colour("line") } }, axisLabel: { color: colour("mute"), fontSize: 11, hideOverlap: true } });
  const scale = (more = {}) => ({ splitLine: { lineStyle: { color: colour("line") } }, axisLabel: { color: colour("mute"), fontSize: 11 }, scale: true, ...more });
  const base = () => ({
    animation: !still.matches, animationDuration: 250, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour("ink") },
    aria: { enabled: false }, grid: { left: 8, right: 18, top: 22, bottom: 8, containLabel: true },
  });
  const tooltip = (formatter, trigger = "item") => ({
    trigger, confine: true, renderMode: "html", backgroundColor: colour("paper"), borderColor: colour("line"), textStyle: { color: colour("ink") },
    axisPointer: { type: "line", lineStyle: { color: colour("mute") } }, formatter,
  });
  const legend = (names) => ({ data: names, top: 0, left: 0, itemWidth: 12, itemHeight: 8, textStyle: { color: colour("mute"), fontSize: 12 }, type: "scroll", pageIconColor: colour("mute"), pageTextStyle: { color: colour("mute") } });
  const short = (value) => (Math.abs(value) >= 1e4 ? Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumFractionDigits: 1 }).format(value) : Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 3 }).format(value));
  // durations are drawn in seconds and marked at whole minutes, hours or days
  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const STEPS = [1, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 30 * DAY, 90 * DAY, 365 * DAY];
  const UNITS = [[DAY, "d", "天"], [HOUR, "h", "小时"], [MINUTE, "min", "分钟"], [1, "s", "秒"]];
  const sizes = (d) => Object.entries(d ?? {}).flatMap(([key, v]) => (v !== null && typeof v === "object" ? sizes(v) : ["value", "low", "high", "start", "end"].includes(key) && typeof v === "number" ? [v] : []));
  const marks = (d, floor, isFromZero) => {
    const range = Math.max(...sizes(d), floor) - Math.min(...sizes(d), floor);
    if (range === 0) return { label: short };
    const step = STEPS.find((s) => range / s <= 6) ?? STEPS.at(-1);
    const [size, en, zh] = UNITS.find(([u]) => step >= u || (u === HOUR && step >= 15 * MINUTE && Math.max(...sizes(d)) > 3 * HOUR));
    const unit = document.documentElement.lang.startsWith("zh") ? zh : en;
    const down = (v) => Math.floor((isFromZero ? Math.min(0, v.min) : v.min) / step) * step;
    return { ends: { interval: step, max: (v) => Math.ceil(v.max / step) * step, ...(floor === 0 ? { min: down } : {}) }, label: (v) => `${short(v / size)} ${unit}` };
  };
  const measure = (d, more = {}, floor = 0) => {
    const found = d.seconds ? marks(d, floor, more.scale === false) : { label: d.share ? (v) => `${+(v * 100).toFixed(1)}%` : short };
    return scale({ ...more, ...found.ends, axisLabel: { color: colour("mute"), fontSize: 11, ...more.axisLabel, formatter: found.label } });
  };

  const kinds = {
    // one or several lines, each with its band; targets, benchmarks and events
    trend(d) {
      const lines = d.lines ?? [{ name: "", points: d.points }];
      const places = [...new Set(lines.flatMap((l) => l.points.map((p) => p.at)))];
      const drawnSeries = [];
      lines.forEach((l, i) => {
        const by = new Map(l.points.map((p) => [p.at, p]));
        const at = places.map((x) => by.get(x));
        const has = at.some((p) => p && p.low !== null && p.high !== null);
        if (has && (lines.length === 1 || d.bands)) {
          const band = { type: "line", stack: `band-${i}`, symbol: "none", silent: true, lineStyle: { opacity: 0 }, tooltip: { show: false }, stackStrategy: "all", z: 1 };
          drawnSeries.push({ ...band, data: at.map((p) => (p && p.high !== null ? p.low : null)) });
          drawnSeries.push({ ...band, areaStyle: { color: series(i), opacity: 0.16 }, data: at.map((p) => (p && p.low !== null && p.high !== null ? p.high - p.low : null)) });
        }
        const marks = [
          ...(i === 0 ? d.targets ?? [] : []).map((t) => ({ yAxis: t.value, label: { formatter: t.name, position: "insideEndTop", color: colour("mute"), fontSize: 11 }, lineStyle: { type: t.style === "target" ? "dashed" : "dotted", color: colour("mute") } })),
          ...(i === 0 ? d.events ?? [] : []).map((e) => ({ xAxis: e.at, label: { formatter: e.words, color: colour("mute"), fontSize: 11, rotate: 0 }, lineStyle: { type: "solid", color: colour("line") } })),
        ];
        drawnSeries.push({
          type: l.step ? "line" : "line", step: l.step ? "end" : false, name: l.name, symbolSize: lines.length > 3 ? 3 : 6, connectNulls: false, z: 3, showAllSymbol: "auto",
          lineStyle: { width: 2, color: series(i), type: l.dashed ? "dashed" : "solid" }, itemStyle: { color: series(i) },
          data: at.map((p) => ({ value: p ? p.value : null, point: p, symbol: p && p.open ? "emptyCircle" : "circle" })),
          markLine: marks.length ? { symbol: "none", silent: true, data: marks } : undefined,
        });
      });
      return {
        ...base(), legend: lines.length > 1 ? legend(lines.map((l) => l.name)) : undefined, xAxis: { type: "category", data: places, boundaryGap: false, ...axis() }, yAxis: { type: "value", ...measure(d) }, series: drawnSeries,
        grid: { left: 8, right: 24, top: lines.length > 1 ? 34 : 18, bottom: 8, containLabel: true },
        tooltip: tooltip((found) => tip([found[0]?.axisValueLabel, ...found.filter((f) => f.data && f.data.point).map((f) => [f.seriesName, f.data.point.words].filter(Boolean).join(": ")), ...(d.events ?? []).filter((e) => e.at === found[0]?.axisValue).flatMap((e) => e.told ?? [])]), "axis"),
      };
    },
    // layers that add up, over time
    stack(d) {
      return {
        ...base(), legend: legend(d.layers.map((l) => l.name)), grid: { left: 8, right: 18, top: 34, bottom: 8, containLabel: true },
        xAxis: { type: "category", data: d.places, boundaryGap: d.bars === true, ...axis() }, yAxis: { type: "value", ...measure(d, { scale: false }) },
        series: d.layers.map((l, i) => ({ type: d.bars ? "bar" : "line", name: l.name, stack: "all", symbol: "none", lineStyle: { width: 0 }, itemStyle: { color: series(l.colour ?? i) }, areaStyle: d.bars ? undefined : { color: series(l.colour ?? i), opacity: 0.9 }, data: l.values.map((v, j) => ({ value: v, words: l.words[j] })) })),
        tooltip: tooltip((found) => tip([found[0]?.axisValueLabel, ...[...found].reverse().map((f) => `${f.seriesName}: ${f.data.words}`)]), "axis"),
      };
    },
    // bars from the largest, with whiskers; a click leads to the rows
    bars(d) {
      const items = [...d.items].reverse();
      return {
        ...base(), grid: { left: 8, right: 110, top: 6, bottom: 8, containLabel: true }, yAxis: { type: "category", data: items.map((i) => i.name), ...axis(), axisLabel: { color: colour("ink"), fontSize: 12, width: 170, overflow: "truncate" } },
        xAxis: { type: "value", ...measure(d, { scale: d.scaled === true }) },
        series: [
          { type: "bar", barMaxWidth: 18, data: items.map((i) => ({ value: i.value, item: i, itemStyle: { color: colour(i.tone === "better" ? "good-mark" : i.tone === "worse" ? "bad-mark" : i.tone === "mute" ? "series-6" : "series-1") } })) },
          // whisker and words; the words stand right of whatever reaches further
          { type: "custom", silent: true, z: 4, tooltip: { show: false }, data: items.map((i, at) => [i.low ?? i.value ?? 0, i.high ?? i.value ?? 0, at, i.value ?? 0]), encode: { x: [0, 1], y: 2 },
            renderItem: (_, api) => {
              const item = items[api.value(2)], low = api.coord([api.value(0), api.value(2)]), high = api.coord([api.value(1), api.value(2)]), end = api.coord([Math.max(0, api.value(1), api.value(3)), api.value(2)]);
              const stroke = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colour("ink"), lineWidth: 1.2 } });
              const whisker = item.low === null || item.low === undefined || item.high === null ? [] : [stroke(low[0], low[1], high[0], high[1]), stroke(low[0], low[1] - 4, low[0], low[1] + 4), stroke(high[0], high[1] - 4, high[0], high[1] + 4)];
              return { type: "group", children: [...whisker, { type: "text", style: { text: item.label ?? item.words, x: end[0] + 7, y: end[1], textVerticalAlign: "middle", fill: colour("ink"), fontSize: 11.5 } }] };
            } },
        ],
        tooltip: tooltip((f) => tip([f.name, f.data.item.words, f.data.item.more])),
      };
    },
    // from one value to another in parts that add up
    waterfall(d, box) {
      let level = d.start;
      const rows = d.parts.map((p) => { const from = level; level += p.amount; return { ...p, from, to: level }; });
      const all = [{ name: d.from, from: 0, to: d.start, words: d.from_words, end: true }, ...rows, { name: d.to, from: 0, to: d.end, words: d.to_words, end: true }];
      const lows = all.flatMap((r) => (r.end ? [r.to] : [r.from, r.to]));
      const span = Math.max(...lows) - Math.min(...lows) || Math.abs(d.start) || 1;
      const low = d.zero ? Math.min(0, ...lows) : Math.min(...lows) - span * 0.15;
      const step = d.seconds ? marks(d, low).ends?.interval : undefined;
      const floor = step ? Math.floor(low / step) * step : low;
      // a line a part: names and amounts have room beside the bars, on a phone too
      const room = Math.max(84, Math.min(190, box.clientWidth * 0.34)), widest = Math.max(...all.map((r) => r.words.length)) * 6.6 + 10;
      return {
        ...base(), grid: { left: 8, right: widest, top: 6, bottom: 8, containLabel: true },
        yAxis: { type: "category", inverse: true, data: all.map((r) => r.name), ...axis(), axisLabel: { color: colour("mute"), fontSize: 11, interval: 0, width: room, overflow: "break", lineHeight: 13 } },
        xAxis: { type: "value", min: floor, ...measure(d, { axisLabel: { hideOverlap: true } }, d.seconds ? floor : 0) },
        series: [{ type: "custom", data: all.map((r, i) => ({ value: [r.end ? floor : r.from, r.to, i], row: r })), encode: { x: [0, 1], y: 2 },
          renderItem: (params, api) => {
            const row = all[params.dataIndex], left = api.coord([Math.min(api.value(0), api.value(1)), api.value(2)]), right = api.coord([Math.max(api.value(0), api.value(1)), api.value(2)]);
            const height = Math.min(24, api.size([0, 1])[1] * 0.62);
            const fill = row.end ? colour("series-2") : row.tone === "better" ? colour("good-mark") : row.tone === "worse" ? colour("bad-mark") : colour("series-6");
            return { type: "group", children: [{ type: "rect", shape: { x: left[0], y: left[1] - height / 2, width: Math.max(1.5, right[0] - left[0]), height }, style: { fill } }, { type: "text", style: { text: row.words, x: right[0] + 5, y: right[1], textAlign: "left", textVerticalAlign: "middle", fill: colour("ink"), fontSize: 11 } }] };
          } }],
        tooltip: tooltip((f) => tip([f.data.row.name, f.data.row.words, f.data.row.more])),
      };
    },
    // cells of a grid, from light to dark
    heat(d) {
      const known = d.cells.filter((c) => c.value !== null).map((c) => c.value);
      const most = Math.max(...d.cells.filter((c) => c.value !== null && !(d.light === true && c.x === 0)).map((c) => c.value), 0.0001);
      const least = Math.min(...known, 0), shades = [colour("accent-soft"), colour("series-2"), colour("series-1")];
      const light = (c) => { const [r, g, b] = echarts.color.parse(c).slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
      // whichever of the two is easier to read on the cell's own shade, in either theme
      const written = (value) => {
        const shade = echarts.color.lerp(Math.min(1, Math.max(0, (value - least) / (most - least))), shades);
        return contrast(colour("paper"), shade) > contrast(colour("ink"), shade) ? colour("paper") : colour("ink");
      };
      return {
        ...base(), grid: { left: d.y ? 26 : 8, right: 16, top: 8, bottom: 34, containLabel: true }, xAxis: { type: "category", data: d.columns, name: d.x, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: colour("mute") }, splitArea: { show: false }, ...axis() }, yAxis: { type: "category", data: d.rows, inverse: d.inverse !== false, name: d.y, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: colour("mute") }, ...axis() },
        visualMap: { show: false, min: least, max: most, inRange: { color: shades } },
        series: [{ type: "heatmap", data: d.cells.filter((c) => c.value !== null).map((c) => ({ value: [c.x, c.y, c.value], cell: c, label: { color: written(c.value) } })), label: { show: d.labels !== false, fontSize: 11, formatter: (f) => f.data.cell.label },
          // a label that is wider than its cell would lie over the next one's; the tip and the table tell it
          labelLayout: (l) => (l.rect && l.labelRect.width > l.rect.width + 1 ? { x: -9999, y: -9999 } : {}), itemStyle: { borderColor: colour("paper"), borderWidth: 1.5, borderRadius: 3 }, emphasis: { itemStyle: { borderColor: colour("ink") } } }],
        tooltip: tooltip((f) => tip([f.data.cell.title, f.data.cell.words, f.data.cell.more])),
      };
    },
    // who went from which group to which
    flow(d) {
      return {
        ...base(), series: [{ type: "sankey", left: 8, right: d.right ?? 130, top: 12, bottom: 12, nodeAlign: "left", nodeGap: d.nodes.length > 24 ? 13 : 8, draggable: false, data: d.nodes.map((n, i) => ({ name: n.id, label: { formatter: n.name }, words: n.words, itemStyle: { color: series(n.colour ?? i) }, depth: n.depth })), links: d.links.map((l) => ({ source: l.from, target: l.to, value: l.value, words: l.words })), label: { color: colour("ink"), fontSize: 12 }, lineStyle: { color: "source", opacity: 0.28, curveness: 0.5 }, emphasis: { focus: "adjacency" } }],
        tooltip: tooltip((f) => tip([f.data.words])),
      };
    },
    // five facts of a group against everybody's
    radar(d) {
      return {
        ...base(), legend: legend(d.shapes.map((s) => s.name)), radar: { indicator: d.axes.map((a) => ({ name: a, max: d.max })), radius: "62%", center: ["50%", "56%"], axisName: { color: colour("mute"), fontSize: 11 }, splitArea: { show: false }, splitLine: { lineStyle: { color: colour("line") } }, axisLine: { lineStyle: { color: colour("line") } } },
        series: [{ type: "radar", data: d.shapes.map((s, i) => ({ name: s.name, value: s.values, words: s.words, areaStyle: { opacity: i === 0 ? 0.18 : 0 }, lineStyle: { color: series(i === 0 ? 0 : 5), type: i === 0 ? "solid" : "dashed" }, itemStyle: { color: series(i === 0 ? 0 : 5) } })) }],
        tooltip: tooltip((f) => tip([f.name, ...f.data.words])),
      };
    },
    // readings by how many results they rest on, between lines that chance draws
    funnel(d) {
      const lines = d.lines.map((l) => ({ type: "line", name: l.name, symbol: "none", silent: true, smooth: true, lineStyle: { width: 1.2, color: colour("mute"), type: l.dashed ? "dashed" : "solid" }, itemStyle: { color: colour("mute") }, data: l.points, tooltip: { show: false }, z: 1 }));
      return {
        ...base(), legend: legend([...new Set(d.lines.map((l) => l.name))]), grid: { left: 8, right: 24, top: 34, bottom: 24, containLabel: true },
        xAxis: { type: "value", min: Math.floor(d.from), max: Math.ceil(d.to), name: d.x, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: colour("mute") }, ...axis(), splitLine: { show: false } },
        yAxis: { type: "value", ...measure(d) },
        series: [...lines, {
          type: "scatter", symbolSize: 11, itemStyle: { color: series(0) }, z: 3, data: d.points.map((p) => ({ value: [p.n, p.value], point: p })),
          label: { show: d.points.length <= 20, position: "right", formatter: (f) => f.data.point.name, color: colour("ink"), fontSize: 11 }, labelLayout: { hideOverlap: true },
          markLine: { symbol: "none", silent: true, data: [{ yAxis: d.mean }], label: { formatter: d.mean_words, position: "insideStartTop", color: colour("mute"), fontSize: 11 }, lineStyle: { type: "dotted", color: colour("mute") } },
        }],
        tooltip: tooltip((f) => tip([f.data.point?.name, f.data.point?.words])),
      };
    },
    // columns side by side: distributions, lift, calibration
    columns(d) {
      return {
        ...base(), legend: d.groups.length > 1 ? legend(d.groups.map((g) => g.name)) : undefined, grid: { left: 8, right: 18, top: d.groups.length > 1 ? 34 : 14, bottom: 24, containLabel: true }, xAxis: { type: "category", data: d.places, name: d.x, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: colour("mute") }, ...axis() }, yAxis: { type: "value", ...measure(d, { scale: false }) },
        series: d.groups.map((g, i) => ({ type: g.line ? "line" : "bar", name: g.name, barMaxWidth: 34, itemStyle: { color: series(g.colour ?? i) }, lineStyle: { color: series(g.colour ?? i), type: g.dashed ? "dashed" : "solid" }, data: g.values.map((v, j) => ({ value: v, words: g.words[j] })) })),
        tooltip: tooltip((found) => tip([found[0]?.axisValueLabel, ...found.map((f) => [f.seriesName, f.data.words].filter(Boolean).join(": "))]), "axis"),
      };
    },
  };

  function behind(found) {
    const told = found.data ?? {};
    return (told.item ?? told.cell ?? told.point ?? told.row)?.href;
  }

  function draw() {
    for (const [box, chart] of drawn) if (!box.isConnected) { chart.dispose(); drawn.delete(box); }
    for (const box of document.querySelectorAll("[data-chart]")) {
      if (drawn.has(box)) continue;
      const told = JSON.parse(document.querySelector(`script[data-of="${box.id}"]`).textContent);
      const chart = echarts.init(box, null, { renderer: "canvas" });
      drawn.set(box, chart);
      chart.setOption(kinds[box.dataset.chart](told, box));
      chart.on("click", (found) => {
        const address = behind(found);
        if (!address) return;
        if (address.includes("/rows")) window.keepwell.openDrawer(address);
        else window.location.assign(address);
      });
      new ResizeObserver(() => { if (!chart.isDisposed()) chart.resize(); }).observe(box);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-picture]");
    if (!button) return;
    const chart = drawn.get(document.getElementById(button.dataset.picture));
    const link = document.createElement("a");
    link.href = chart.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: colour("paper") });
    link.download = `${button.dataset.picture}.png`;
    link.click();
  });

  window.keepwell = Object.assign(window.keepwell ?? {}, { draw });
  document.addEventListener("DOMContentLoaded", draw);
})();
