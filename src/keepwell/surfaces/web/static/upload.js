// An upload with its progress: the file itself is the body, so that a server can write it to disk as it comes.
"use strict";
(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const one = (selector) => form.querySelector(selector);
  const input = one("input[type=file]"), bar = one("progress"), said = one("[data-said]"), stop = one("[data-stop]"), send = one("[data-send]");
  const words = (name, places = {}) => Object.entries(places).reduce((text, [key, value]) => text.replace(`{${key}}`, value), form.dataset[name]);
  const mb = (bytes) => Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 }).format(bytes / 1048576);
  let request = null;

  function tell(text, isWrong = false) {
    said.textContent = text;
    said.classList.toggle("text-danger", isWrong);
    said.setAttribute("role", isWrong ? "alert" : "status");
  }

  function ended(isRunning) {
    bar.hidden = stop.hidden = !isRunning;
    send.disabled = input.disabled = isRunning;
  }

  function upload(file) {
    if (file.size > Number(form.dataset.most)) { tell(words("tooLarge", { name: file.name }), true); return; }
    request = new XMLHttpRequest();
    request.open("POST", "/data/import");
    request.setRequestHeader("X-Form-Token", window.keepwell.formToken());
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.total ? event.loaded / event.total : 0;
      tell(event.loaded < event.total ? words("sending", { done: mb(event.loaded), all: mb(event.total) }) : words("looking"));
    });
    request.addEventListener("load", () => {
      const next = request.getResponseHeader("Location");
      if (request.status === 201 && next) { window.location.assign(next); return; }
      ended(false);
      const page = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("[role=alert]");
      tell(page ? [...page.querySelectorAll("h1, p.text-secondary")].map((part) => part.textContent.trim()).join(" ") : words("broken"), true);
    });
    request.addEventListener("error", () => { ended(false); tell(words("broken"), true); });
    request.addEventListener("abort", () => { ended(false); tell(words("stopped")); });
    ended(true);
    bar.value = 0;
    request.send(file);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.files.length) upload(input.files[0]);
    else input.focus();
  });
  stop.addEventListener("click", () => request?.abort());
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle("kw-over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) { input.files = event.dataTransfer.files; form.requestSubmit(); }
    });
  }
})();
