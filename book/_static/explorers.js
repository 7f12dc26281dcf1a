// Explorers in the pages: show the frame that the controls choose. No kernel, no request, no library.
(function () {
  "use strict";

  function position(control) {
    const chosen = control.matches("fieldset") ? control.querySelector("input:checked") : control;
    return Number(chosen.value);
  }

  function say(slider) {
    const words = JSON.parse(slider.dataset.texts)[Number(slider.value)];
    slider.setAttribute("aria-valuetext", words);
    slider.parentElement.querySelector("output").textContent = words;
  }

  function update(explorer) {
    let index = 0;
    for (const control of explorer.querySelectorAll("[data-stride]")) {
      index += Number(control.dataset.stride) * position(control);
      if (control.matches("input")) say(control);
    }
    const frames = explorer.querySelectorAll(".aulib-frame");
    frames.forEach(function (frame, place) { frame.hidden = place !== index; });
    const message = explorer.querySelector(".aulib-message");
    if (message.textContent !== frames[index].dataset.message) message.textContent = frames[index].dataset.message;
  }

  function start() {
    for (const explorer of document.querySelectorAll(".aulib-explorer")) {
      const controls = explorer.querySelector(".aulib-controls");
      if (!controls) continue;
      controls.hidden = false;
      explorer.addEventListener("input", function () { update(explorer); });
      update(explorer); // a browser may have kept other choices from an earlier visit
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
