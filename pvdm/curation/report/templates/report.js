// The whole: kinds of clips, what is left, and the command.

const cards = all("[data-score]").map((article) => new Card(article));
let isWaiting = false;

/** Counts and shows everything once before the next frame, however many events there are until then. */
function changed() {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => { isWaiting = false; showAll(); });
}

function showAll() {
  const counted = countAll(), found = expression();
  for (const card of cards) card.show();
  show("clips", count(counted.clips));
  show("hours", counted.hours.toFixed(2));
  data.compared.forEach((name, place) => {
    const column = means.find((mean) => mean.name === name), mean = column ? meanLeft(column.values) : null;
    show(place, mean === null ? (column ? "none" : "not measured") : Number(mean.toPrecision(3)).toString());
  });
  document.querySelector(".outcome progress").value = counted.hours / Math.max(1e-9, data.hours);
  one("copy").disabled = found === null;
  one("command").textContent = found === null ? "Nothing is kept: check a box of each kind."
    : `${data.command} --where ${quoted(found || data.everything)} --output selection.parquet`;
}

const show = (what, text) => all(`[data-left="${what}"]`).forEach((place) => { place.textContent = text; });

/** The number of all clips of each choice. */
function countChoices(group) {
  const { places, choices } = categories[group.dataset.category], counts = histogram(places, choices.length, everyRow);
  all("[data-count]", group).forEach((place, choice) => { place.textContent = count(whole(counts[choice])); });
}

/** Said to screen readers when a handle comes to rest, not while it moves. */
function say() {
  one("said").textContent = `${all("[data-left=clips]")[0].textContent} clips are left`;
}

async function copy() {
  const button = one("copy"), words = button.textContent, text = one("command").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // not allowed for files in some browsers
    getSelection().selectAllChildren(one("command"));
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = words; }, 1500);
}

for (const box of all("[data-category] input"))
  box.addEventListener("change", () => {
    categories[box.closest("[data-category]").dataset.category].kept[box.value] = box.checked;
    changed();
  });
one("copy").addEventListener("click", copy);
one("clear").addEventListener("click", () => { cards.forEach((card) => card.clear()); changed(); });
addEventListener("change", () => requestAnimationFrame(() => requestAnimationFrame(say)));
all("[data-category]").forEach(countChoices);
showAll();
