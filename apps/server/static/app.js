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
      // Beside a time in the zone of a schedule it says something only to a reader who is in another one.
      const beside = element.closest("[data-offset]");
      if (beside) beside.hidden = Number(beside.dataset.offset) === -at.getTimezoneOffset();
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

  // Who presses Enter in a field that only searches wants to see what is found, and not to send the form around it.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.("[data-only-searches]")) event.preventDefault();
  });

  // Signing in at the host. The window is opened while the click still counts, shows a page of ours, and goes on to the host when its address is
  // known; meanwhile this page is kept, so that the window can be followed.
  const WINDOW = "forgehold-sso";
  let pop = null;
  let sent = "";
  // Whether this page has tried to open a window: one that was loaded again has not, and nothing was blocked then.
  let tried = false;
  function openWindow(url) {
    const [width, height] = [520, 720];
    const left = Math.max(0, screenX + (outerWidth - width) / 2);
    const top = Math.max(0, screenY + (outerHeight - height) / 2);
    tried = true;
    return window.open(url, WINDOW, `popup,width=${width},height=${height},left=${left},top=${top}`);
  }
  function mark(word) {
    const panel = aside();
    if (panel) panel.dataset.window = word;
  }
  function followWindow() {
    const asked = document.querySelector("[data-sign-in]");
    if (!asked) {
      // Steps that ask for nothing need no window: the sign-in is done, is over, or could not even begin.
      const steps = document.querySelector("#steps");
      if (steps) pop?.close();
      if (steps || sent) pop = null;
      return;
    }
    const url = asked.dataset.signIn;
    if (!pop) {
      if (!tried) mark("unopened");
      else if (aside()?.dataset.window !== "closed") mark("blocked");
    } else if (pop.closed) {
      mark("closed");
    } else {
      if (sent !== url) {
        sent = url;
        pop.location.replace(url);
      }
      mark("open");
    }
  }
  async function beginSso(form, submitter) {
    pop = openWindow("/organizations/sso/opening");
    sent = "";
    if (submitter) submitter.disabled = true;
    const body = new URLSearchParams(new FormData(form));
    let text;
    let url;
    try {
      const response = await fetch(form.action, { method: "POST", body });
      url = response.url;
      text = await response.text();
    } catch {
      pop?.close();
      if (submitter) submitter.disabled = false;
      form.submit();
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    const panel = page.querySelector(".aside");
    if (!panel) {
      pop?.close();
      location.assign(url);
      return;
    }
    // What the page is now is what the answer says, but for the document itself, which knows the window.
    document.title = page.title;
    document.body.replaceChildren(...page.body.children);
    history.replaceState(null, "", url);
    htmx.process(document.body);
    ready(document);
    if (page.querySelector("form [aria-invalid]") || document.querySelector("form[data-sso]")) pop?.close();
    followWindow();
  }
  setInterval(followWindow, 500);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-open]");
    if (!link) return;
    event.preventDefault();
    pop = openWindow(link.href);
    sent = link.href;
    followWindow();
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("form[data-sso]") && !event.submitter?.hasAttribute("formaction") && !form.querySelector("#with_token").checked) {
      event.preventDefault();
      beginSso(form, event.submitter);
      return;
    }
    for (const button of form.querySelectorAll("button[data-once]")) {
      setTimeout(() => { button.disabled = true; }, 0);
    }
  });

  // The page that the host leads back to closes its window, or goes on where it is the tab itself.
  const back = document.querySelector("[data-callback]");
  if (back) {
    if (window.opener || window.name === WINDOW) window.close();
    setTimeout(() => location.replace(back.dataset.callback), window.opener ? 1500 : 0);
  }

  // A new form begins with the reader's own zone.
  function suggestZone(root) {
    const field = root.querySelector("#add-form [data-zone]");
    if (!root.querySelector("[data-focus]") && field && field.value === "UTC" && field.defaultValue === "UTC") field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  }

  function ready(root) {
    showTimes(root);
    suggestZone(root);
    const summary = root.querySelector("[data-focus]");
    if (summary) summary.focus();
  }
  document.addEventListener("htmx:after:swap", () => {
    showTimes(document);
    followWindow();
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[data-once]:disabled")) button.disabled = false;
  });
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => ready(document));
  } else {
    ready(document);
  }
})();
