"use strict";
{
  const root = document.documentElement, themes = ["auto", "light", "dark"], switcher = document.getElementById("theme");
  const store = (value) => { try { if (value) localStorage.theme = value; return localStorage.theme; } catch { return value; } };
  const wear = (theme) => {
    if (theme === "auto") root.removeAttribute("data-theme"); else root.dataset.theme = theme;
    switcher.textContent = `theme: ${theme}`;
  };
  let theme = themes.includes(store()) ? store() : "auto";
  switcher.hidden = false;
  wear(theme);
  switcher.onclick = () => { theme = themes[(themes.indexOf(theme) + 1) % 3]; store(theme); wear(theme); };

  const unfold = document.getElementById("unfold"), folds = document.querySelectorAll("details.code");
  if (unfold && folds.length) {
    unfold.hidden = false;
    unfold.onclick = () => {
      const open = unfold.textContent.startsWith("show");
      folds.forEach((fold) => { fold.open = open; });
      unfold.textContent = open ? "hide all code" : "show all code";
    };
  }

  const reachable = () => document.querySelectorAll(".output, pre, .contents").forEach((box) => {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });  // what scrolls can be scrolled by keyboard
  reachable();
  addEventListener("resize", reachable);
  addEventListener("toggle", reachable, true);

  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const headings = [...document.querySelectorAll("main h2[id]")];
  const follow = () => {
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3);
    links.forEach((link) => link.removeAttribute("aria-current"));
    if (passed.length) links.get(passed.at(-1).id)?.setAttribute("aria-current", "true");
  };
  addEventListener("scroll", follow, { passive: true });
  follow();
}
