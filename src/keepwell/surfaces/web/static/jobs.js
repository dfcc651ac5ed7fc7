// A job as it goes: the server tells the part of the page that shows it, and ends when the job does. Without this the page is loaded anew.
"use strict";
(() => {
  const shown = document.getElementById("job");
  if (!shown?.dataset.events || typeof EventSource === "undefined") return;
  const source = new EventSource(shown.dataset.events);
  source.addEventListener("job", (event) => {
    shown.innerHTML = event.data; // rendered by our own templates, which escape what comes from people
    const words = shown.querySelector("[data-said]")?.dataset.said ?? "";
    const said = document.getElementById("job-said");
    // told to who hears the page only when it is another sentence
    if (said.textContent !== words) said.textContent = words;
  });
  source.addEventListener("over", () => {
    source.close();
    const next = shown.querySelector("[data-next]");
    if (next) window.location.assign(next.href);
    for (const part of document.querySelectorAll("[data-while-under-way], #jobs-now > *")) part.remove();
  });
  window.addEventListener("pagehide", () => source.close());
})();
