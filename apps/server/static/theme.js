// Sets the chosen theme before anything is drawn. Without a choice the system's own holds.
(() => {
  try {
    const chosen = localStorage.getItem("forgehold-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // A browser that keeps nothing follows the system.
  }
})();
