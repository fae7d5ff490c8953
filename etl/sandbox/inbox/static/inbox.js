// Follows an import: asks for the same page again and takes over what changed. Without it pages are complete.
"use strict";
(() => {
  if (!document.body.hasAttribute("data-live")) return;
  const EVERY_MS = 2000;
  const TOLD_EVERY_MS = 20000;
  const status = document.getElementById("live-status");
  const button = document.getElementById("live-switch");
  let tag = null;
  let told = 0;
  let paused = false;
  let timer = 0;

  const held = (node) => node.contains(document.activeElement) || !getSelection().isCollapsed;

  const replaced = (page) => {
    let changed = 0;
    for (const old of document.querySelectorAll("[data-replace]")) {
      const fresh = page.getElementById(old.id);
      // What a reader has the focus in, or selects, stays as it is until the next round.
      if (!fresh || fresh.outerHTML === old.outerHTML || held(old)) continue;
      old.replaceWith(document.adoptNode(fresh));
      changed += 1;
    }
    return changed;
  };

  const appended = (page) => {
    let added = 0;
    for (const list of document.querySelectorAll("[data-append]")) {
      const fresh = page.getElementById(list.id);
      for (const item of fresh ? [...fresh.children] : []) {
        if (document.getElementById(item.id)) continue;
        const day = item.querySelector(".day");
        const days = list.querySelectorAll(".day");
        if (day && days.length && days[days.length - 1].textContent === day.textContent) day.remove();
        item.classList.add("new");
        list.append(document.adoptNode(item));
        added += 1;
      }
    }
    return added;
  };

  const structure = (page) => [...page.querySelectorAll("main > section, main > div")].length;

  const take = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    // The first arrival brings sections that an empty page lacks.
    if (structure(page) !== structure(document)) {
      document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
      status.textContent = "The page was updated.";
      return;
    }
    const added = appended(page);
    const changed = replaced(page);
    if (added) status.textContent = `${added} new message${added === 1 ? "" : "s"}.`;
    else if (changed && performance.now() - told > TOLD_EVERY_MS) {
      // Often enough to know that it goes on, too rarely to talk over the page.
      told = performance.now();
      status.textContent = `Updated at ${new Date().toLocaleTimeString()}.`;
    }
  };

  const ask = async () => {
    try {
      const answer = await fetch(location.href, {
        cache: "no-store",
        headers: tag ? { "If-None-Match": tag } : {},
      });
      if (answer.status === 200) {
        tag = answer.headers.get("ETag");
        take(await answer.text());
      } else if (answer.status === 401) {
        location.reload();
        return;
      } else if (answer.status === 304 && status.dataset.lost) {
        status.textContent = "The sandbox answers again.";
      }
      delete status.dataset.lost;
    } catch {
      if (!status.dataset.lost) status.textContent = "The sandbox does not answer; trying again.";
      status.dataset.lost = "yes";
    }
    plan();
  };

  const plan = () => {
    clearTimeout(timer);
    if (!paused && document.visibilityState === "visible") timer = setTimeout(ask, EVERY_MS);
  };

  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume live update" : "Pause live update";
    status.textContent = paused ? "Live update is paused." : "Live update goes on.";
    plan();
  });
  document.addEventListener("visibilitychange", plan);
  button.parentElement.hidden = false;
  plan();
})();
