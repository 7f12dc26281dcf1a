// Check the answers of a quiz and say why. What is said stands in the page already, in the folded list of answers.
(() => {
  const verdict = (question) => {
    const answers = [...question.querySelectorAll(".quiz-answers li")].map((answer) => ({
      right: answer.dataset.right === "true",
      said: answer.querySelector(".quiz-said"),
    }));
    const inputs = [...question.querySelectorAll("input")];
    const chosen = inputs.map((input) => input.checked);
    const missing = answers.filter((answer, i) => answer.right && !chosen[i]).length;
    const wrong = answers.filter((answer, i) => !answer.right && chosen[i]).length;
    return { answers, inputs, chosen, missing, wrong };
  };

  const paragraph = (strong, rest) => {
    const element = document.createElement("p");
    const word = document.createElement("strong");
    word.textContent = `${strong} `;
    element.append(word, ...rest);
    return element;
  };

  const count = (number) => (number === 1 ? "One right answer is" : `${number} right answers are`);

  const say = (question) => {
    const feedback = question.querySelector(".quiz-feedback");
    const { answers, inputs, chosen, missing, wrong } = verdict(question);
    if (!chosen.includes(true)) {
      feedback.dataset.verdict = "none";
      feedback.replaceChildren(paragraph("Nothing is chosen yet.", ["Choose an answer, then check."]));
      return;
    }
    const several = inputs[0].type === "checkbox";
    const lines = [];
    chosen.forEach((yes, i) => {
      if (!yes) return;
      const name = several ? `Answer ${i + 1} is ${answers[i].right ? "right" : "not right"}.`
        : answers[i].right ? "Right." : "Not right.";
      lines.push(paragraph(name, [...answers[i].said.cloneNode(true).childNodes]));
    });
    if (several && missing) lines.push(paragraph(`${count(missing)} still missing.`, []));
    else if (several && !wrong) lines.unshift(paragraph("Right, and complete.", []));
    feedback.dataset.verdict = missing || wrong ? "wrong" : "right";
    feedback.replaceChildren(...lines);
    question.querySelector(".quiz-answers").hidden = false;
  };

  const prepare = (question) => {
    question.querySelector(".quiz-check").hidden = false;
    question.querySelector(".quiz-answers").hidden = true;
    question.addEventListener("submit", (event) => {
      event.preventDefault();
      say(question);
    });
    question.addEventListener("change", () => question.querySelector(".quiz-feedback").replaceChildren());
  };

  const start = () => document.querySelectorAll(".quiz-question").forEach(prepare);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
