// What the pages do in the browser beside htmx: menus, the drawer, keys, forms that submit themselves. Nothing here makes numbers.
"use strict";
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const drawer = () => one("#drawer");

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-toggle]");
    if (toggle) one(toggle.dataset.toggle).classList.toggle("kw-open");
    const close = event.target.closest("[data-close]");
    if (close) one(`#${close.dataset.close}`).close();
    const shown = event.target.closest("[data-show]");
    if (shown) {
      const panel = one(shown.dataset.show);
      panel.hidden = !panel.hidden;
      shown.setAttribute("aria-expanded", String(!panel.hidden));
    }
    if (event.target === drawer()) drawer().close();
    for (const menu of all("details.kw-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    if (!event.target.closest(".kw-search") && one("#suggestions")) one("#suggestions").replaceChildren();
    const link = event.target.closest("[data-drawer]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      openDrawer(link.href);
    }
  });

  async function openDrawer(address) {
    const content = one("#drawer-content");
    content.replaceChildren(waiting());
    if (!drawer().open) drawer().showModal();
    await htmx.ajax("GET", address, { target: "#drawer-content", swap: "innerHTML" });
  }

  function waiting() {
    const box = document.createElement("div");
    box.className = "kw-wait";
    box.append(Object.assign(document.createElement("span"), { className: "spinner-border spinner-border-sm" }));
    return box;
  }

  // a choice in a form that says so is sent at once
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-at-once]");
    if (form) form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // what is empty does not belong in an address that is sent to a colleague
    if (form.method === "get") for (const field of all("input, select", form)) if (field.name && field.value === "") field.disabled = true;
    const question = form.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
    if (form.dataset.typed && one("[name=typed]", form).value !== form.dataset.typed) event.preventDefault();
  });
  window.addEventListener("pageshow", () => all("form[method=get] :disabled[name]").forEach((field) => { field.disabled = false; }));

  // keys: / to search, j and k through a table, enter opens its row, escape closes
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      one("#search")?.focus();
    } else if (event.key === "Escape" && writing?.id === "search") {
      one("#suggestions").replaceChildren();
      writing.blur();
    } else if (writing?.id === "search" && event.key === "ArrowDown") {
      event.preventDefault();
      one("#suggestions a")?.focus();
    } else if (event.target.closest("#suggestions") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const links = all("#suggestions a");
      const next = links[links.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
      (next ?? one("#search")).focus();
    } else if (!writing && (event.key === "j" || event.key === "k" || event.key === "Enter")) {
      walk(event);
    }
  });

  function walk(event) {
    const table = one("dialog[open] table[data-walk]") ?? one("main table[data-walk]");
    if (!table) return;
    const rows = all("tbody tr", table).filter((row) => one("a", row));
    const at = rows.findIndex((row) => row.classList.contains("kw-current"));
    if (event.key === "Enter") {
      if (at >= 0 && !event.target.closest("a, button")) one("a", rows[at]).click();
      return;
    }
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
    rows[at]?.classList.remove("kw-current");
    next?.classList.add("kw-current");
    next?.scrollIntoView({ block: "nearest" });
  }

  // all rows of a table chosen at once, and the actions that wait for a choice
  document.addEventListener("change", (event) => {
    const table = event.target.closest("table[data-choose]");
    if (!table) return;
    const boxes = all("tbody input[type=checkbox]", table);
    if (event.target.matches("thead input")) boxes.forEach((box) => { box.checked = event.target.checked; });
    const chosen = boxes.filter((box) => box.checked).length;
    for (const button of all(`[data-needs-choice="${table.id}"]`)) {
      button.disabled = chosen === 0;
      const count = one(".kw-count", button);
      if (count) count.textContent = chosen ? ` (${chosen})` : "";
    }
  });

  // a part that is loaded anew leaves open what was open, and the keyboard where it was
  let opened = [], focused = "";
  document.addEventListener("htmx:before:swap", () => {
    opened = all("details[id][open]").map((menu) => menu.id);
    focused = document.activeElement?.id ?? "";
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const id of opened) if (document.getElementById(id)) document.getElementById(id).open = true;
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
    window.keepwell.draw();
  });
  document.addEventListener("htmx:error", () => notice(document.documentElement.lang.startsWith("zh") ? "连接中断，请重试。" : "The connection broke. Try again."));

  function notice(words) {
    const box = one("#notice");
    if (!box) return;
    box.textContent = words;
    window.setTimeout(() => { box.textContent = ""; }, 6000);
  }

  window.keepwell = Object.assign(window.keepwell ?? {}, { notice, openDrawer, formToken: () => one("meta[name=form-token]").content });
})();
