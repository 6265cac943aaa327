// Without this the page is whole; with it, what does not hold the words asked for is out of sight.
(() => {
  const filter = document.getElementById("filter");
  const entries = [...document.querySelectorAll(".entry")].map((entry) => ({
    entry, link: document.querySelector(`nav a[href="#${entry.id}"]`).parentElement, text: entry.textContent.toLowerCase(),
  }));
  document.getElementById("search").hidden = false;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const { entry, link, text } of entries) {
      entry.hidden = link.hidden = !words.every((word) => text.includes(word));
    }
  });
})();
