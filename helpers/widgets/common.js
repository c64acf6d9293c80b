// What the scripts of several widgets share; each has a copy of its own, so that it works alone.

/** The bytes of a part of the page that is base64. */
const bytes = text => Uint8Array.from(atob(text.trim()), letter => letter.charCodeAt(0));

/** A class's name as it stands in a sentence: letters that run from right to left leave those around it in order. */
const isolated = name => (/[^\0-\u058f]/.test(name) ? `\u2068${name}\u2069` : name);

/** Call `start` once, when `root` comes near the window, is focused or is printed, and the whole page is there.
 *
 * What the live regions say then nobody asked for: it is not announced.
 */
function whenNear(root, start) {
  let begun = false;
  const begin = () => {
    if (begun) return;
    begun = true;
    watch.disconnect();
    const live = [...root.querySelectorAll("[aria-live]")];
    live.forEach(one => one.setAttribute("aria-live", "off"));
    setTimeout(() => live.forEach(one => one.setAttribute("aria-live", "polite")), 500);
    start();
  };
  const watch = new IntersectionObserver(seen => { if (seen.some(one => one.isIntersecting)) begin(); }, { rootMargin: "600px" });
  const ready = () => { watch.observe(root); root.addEventListener("focusin", begin); };
  addEventListener("beforeprint", begin);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", ready); else ready();
}

/** An element with these attributes and this text. */
function elementOf(name, attributes = {}, text = "", space = "http://www.w3.org/1999/xhtml") {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
/** The same of a chart. */
const svgElement = (name, attributes, text) => elementOf(name, attributes, text, "http://www.w3.org/2000/svg");

