// Zooms and pans the graph, and shows the figures of the op that was chosen. Without it the graph
// scrolls, and its links lead to the figures.
"use strict";
(() => {
  document.documentElement.classList.add("script");
  const canvas = document.getElementById("canvas");
  const drawing = canvas.querySelector("svg");
  if (!drawing) return;
  const nodes = [...drawing.querySelectorAll("a.node")];
  const natural = {
    width: drawing.viewBox.baseVal.width,
    height: drawing.viewBox.baseVal.height,
  };
  const LEAST = 0.04, MOST = 4, STEP = 1.25, MARGIN = 24;
  let zoom = 1;
  let chosen = null;

  // Zooms so that the point of the canvas at (x, y), pixels from its corner, stays where it is.
  function zoomTo(wanted, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const next = Math.min(MOST, Math.max(LEAST, wanted));
    const ratio = next / zoom;
    const left = (canvas.scrollLeft + x) * ratio - x;
    const top = (canvas.scrollTop + y) * ratio - y;
    zoom = next;
    drawing.setAttribute("width", natural.width * zoom);
    drawing.setAttribute("height", natural.height * zoom);
    canvas.scrollTo({ left, top, behavior: "instant" });
  }

  function fit() {
    zoomTo(Math.min(
      (canvas.clientWidth - MARGIN) / natural.width,
      (canvas.clientHeight - MARGIN) / natural.height,
      1,
    ));
  }

  // The graph is one stop of the tab key; arrows lead from op to op.
  function stopAt(node) {
    for (const one of nodes) one.setAttribute("tabindex", one === node ? "0" : "-1");
  }

  function choose(node) {
    close();
    chosen = node;
    node.classList.add("chosen");
    node.setAttribute("aria-current", "true");
    stopAt(node);
    const article = document.getElementById(`op-${node.dataset.op}`);
    article.classList.add("open");
    article.parentElement.scrollTop = 0;
  }

  function close() {
    document.querySelector(".op.open")?.classList.remove("open");
    chosen?.classList.remove("chosen");
    chosen?.removeAttribute("aria-current");
    chosen = null;
  }

  function closeAndReturn() {
    const node = chosen;
    close();
    node?.focus();
  }

  let dragged = false;
  for (const node of nodes) {
    node.addEventListener("click", (event) => {
      event.preventDefault();
      if (!dragged) choose(node);
    });
    node.addEventListener("dragstart", (event) => event.preventDefault());
    node.addEventListener("focus", () => stopAt(node));
  }

  const ZOOMS = {
    "in": () => zoomTo(zoom * STEP),
    "out": () => zoomTo(zoom / STEP),
    "fit": fit,
  };
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", ZOOMS[button.dataset.zoom]);
  }
  for (const button of document.querySelectorAll(".op .close")) {
    button.addEventListener("click", closeAndReturn);
  }

  const NEXT = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
  const KEYS = { "+": ZOOMS.in, "=": ZOOMS.in, "-": ZOOMS.out, "0": ZOOMS.fit };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const place = nodes.indexOf(document.activeElement);
    if (event.key in KEYS) {
      KEYS[event.key]();
      if (place >= 0) nodes[place].scrollIntoView({ block: "center", inline: "center" });
    } else if (place >= 0 && event.key in NEXT) {
      const next = Math.min(nodes.length - 1, Math.max(0, place + NEXT[event.key]));
      nodes[next].focus();
    } else {
      return;
    }
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen) closeAndReturn();
  });

  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const corner = canvas.getBoundingClientRect();
    const ratio = Math.exp(-event.deltaY / 300);
    zoomTo(zoom * ratio, event.clientX - corner.left, event.clientY - corner.top);
  }, { passive: false });

  let from = null;
  canvas.addEventListener("pointerdown", (event) => {
    dragged = false;
    if (event.button === 0 && event.pointerType === "mouse") {
      from = { x: event.clientX, y: event.clientY, left: canvas.scrollLeft, top: canvas.scrollTop };
    }
  });
  window.addEventListener("pointermove", (event) => {
    if (!from) return;
    const x = event.clientX - from.x, y = event.clientY - from.y;
    if (Math.abs(x) + Math.abs(y) > 4) dragged = true;
    if (!dragged) return;
    canvas.classList.add("dragging");
    canvas.scrollTo({ left: from.left - x, top: from.top - y, behavior: "instant" });
  });
  window.addEventListener("pointerup", () => {
    from = null;
    canvas.classList.remove("dragging");
  });

  // Begins readable: as wide as fits, but no smaller than what can be read.
  const READABLE = 0.8;
  stopAt(nodes[0]);
  const width = (canvas.clientWidth - MARGIN) / natural.width;
  zoomTo(Math.max(READABLE, Math.min(1.15, width)));
  canvas.scrollTo({ left: (canvas.scrollWidth - canvas.clientWidth) / 2, top: 0, behavior: "instant" });
  const linked = nodes.find((node) => node.getAttribute("href") === location.hash);
  if (linked) choose(linked);
})();
