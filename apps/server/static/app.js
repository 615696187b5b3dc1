// What the console does in the browser beyond links and forms. Every page works without it.
(() => {
  "use strict";

  // Times stand in UTC on the page; a reader sees their own zone, and the exact time in UTC when they point at it.
  const near = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  function showTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      element.dataset.local = "";
      element.textContent = near.format(at);
    }
  }

  function systemIsDark() {
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }
  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-theme-toggle]");
    if (toggle) {
      const root = document.documentElement;
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark();
      root.dataset.theme = dark ? "light" : "dark";
      try {
        localStorage.setItem("forgehold-theme", root.dataset.theme);
      } catch {
        // Then it holds for this page.
      }
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const source = document.getElementById(copy.dataset.copy);
      navigator.clipboard?.writeText(source.textContent.trim()).then(() => {
        copy.lastElementChild.textContent = "Copied";
      });
    }
  });

  // The aside behaves like a dialog: it takes the focus, keeps it, and Escape closes it.
  function aside() {
    return document.querySelector(".aside");
  }
  document.addEventListener("keydown", (event) => {
    const panel = aside();
    if (!panel) return;
    if (event.key === "Escape") {
      panel.querySelector("[data-close]")?.click();
    } else if (event.key === "Tab") {
      const all = [...panel.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
      const reachable = all.filter((element) => !element.disabled && element.offsetParent !== null);
      const [first, last] = [reachable[0], reachable[reachable.length - 1]];
      if (!first) return;
      if (!panel.contains(document.activeElement)) {
        first.focus();
        event.preventDefault();
      } else if (event.shiftKey && document.activeElement === first) {
        last.focus();
        event.preventDefault();
      } else if (!event.shiftKey && document.activeElement === last) {
        first.focus();
        event.preventDefault();
      }
    }
  });

  // Fields that show only when somebody chose so are not sent when they do not show: the server refuses what does not belong together.
  document.addEventListener("submit", (event) => {
    for (const button of event.target.querySelectorAll("button[data-once]")) {
      setTimeout(() => { button.disabled = true; }, 0);
    }
  });

  function ready(root) {
    showTimes(root);
    const summary = root.querySelector("[data-focus]");
    if (summary) summary.focus();
  }
  document.addEventListener("htmx:after:swap", () => showTimes(document));
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[data-once]:disabled")) button.disabled = false;
  });
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => ready(document));
  } else {
    ready(document);
  }
})();
