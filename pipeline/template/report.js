"use strict";
{
  const decoded = (hash) => { try { return decodeURIComponent(hash.slice(1)); } catch { return hash.slice(1); } };  // 100%
  const root = document.documentElement, themes = ["auto", "light", "dark"], switcher = document.getElementById("theme");
  const store = (value) => { try { if (value) localStorage.digitsTheme = value; return localStorage.digitsTheme; } catch { return value; } };
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

  const reveal = () => {  // what a link leads to is unfolded
    let box = location.hash.length > 1 && document.getElementById(decoded(location.hash));
    if (!box || !box.closest("details:not([open])")) return;
    for (let fold = box; fold; fold = fold.parentElement) if (fold.localName === "details") fold.open = true;
    box.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  const wide = matchMedia("(min-width: 76rem)"), margin = document.querySelectorAll(".contents details, .noted > details.note");
  const unrolled = () => margin.forEach((fold) => {
    fold.open = wide.matches;
    fold.firstElementChild.tabIndex = wide.matches ? -1 : 0;
  });  // there they stand beside the text
  wide.addEventListener("change", unrolled);
  unrolled();

  const reachable = () => document.querySelectorAll(".output, .scroll, .card, pre, .contents").forEach((box) => {
    const across = box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "visible";
    box.classList.toggle("overflows", across);
    if (across || box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });  // what scrolls says so, and can be scrolled by keyboard
  addEventListener("load", reachable);
  addEventListener("resize", reachable);
  addEventListener("toggle", reachable, true);

  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [decoded(link.hash), link]));
  const headings = [...document.querySelectorAll("main h2[id]")];
  let chosen = null;  // the heading that was gone to, until the reader scrolls on
  const follow = () => {
    const left = document.documentElement.scrollHeight - innerHeight - scrollY, third = innerHeight / 3;
    const line = Math.max(third, innerHeight - Math.max(left, 0));  // the end of the page is read at its bottom
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < line);
    const current = chosen ?? passed.at(-1);
    links.forEach((link) => link.removeAttribute("aria-current"));
    if (current) links.get(current.id)?.setAttribute("aria-current", "true");
  };
  const go = () => {
    chosen = headings.find((heading) => heading.id === decoded(location.hash)) ?? null;
    follow();
  };
  addEventListener("hashchange", go);
  for (const link of links.values()) link.addEventListener("click", () => setTimeout(go));
  for (const kind of ["wheel", "touchmove", "keydown"]) addEventListener(kind, () => { chosen = null; }, { passive: true });
  addEventListener("scroll", follow, { passive: true });
  go();
}
