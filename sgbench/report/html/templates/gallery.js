'use strict';
// The gallery: chooses, sorts and draws results beside their sources and counterfactuals.
(() => {
  const AT_ONCE = 24;
  const GAIN = 2; // residuals are twice as bright, as in the report's figures
  const data = JSON.parse(document.getElementById('gallery-data').textContent);
  const form = document.getElementById('gallery-controls');
  const place = document.getElementById('gallery-tiles');
  const more = document.getElementById('gallery-more');
  const count = document.getElementById('gallery-count');
  const template = document.getElementById('tile');
  const { side } = data;

  const sheets = data.sprites.map(sprite => {
    const image = new Image();
    image.src = sprite.uri;
    return image;
  });
  const context = canvas => canvas.getContext('2d', { willReadFrequently: true });
  const draw = (canvas, sprite, cell) => {
    canvas.width = canvas.height = side;
    const { columns } = data.sprites[sprite];
    const [left, top] = [side * (cell % columns), side * Math.floor(cell / columns)];
    context(canvas).drawImage(sheets[sprite], left, top, side, side, 0, 0, side, side);
  };
  const pixels = canvas => context(canvas).getImageData(0, 0, side, side);

  const answers = new Map();
  for (const own of data.counterfactuals) {
    own.asked.forEach(([person, value], cell) => answers.set(`${own.target}/${person}/${value}`, [own.sprite, cell]));
  }
  const tiles = data.exhibits.flatMap(own => own.tiles.map(([person, value, confidence, inside, outside], cell) => ({
    system: own.system, target: own.target, sprite: own.sprite, cell, person, value, confidence, inside, outside,
  })));

  const options = document.createElement('div');
  options.className = 'options';
  const kept = new Set(data.exhibits.map(own => own.system));
  const begun = new Set();
  data.systems.forEach((system, number) => {
    if (!kept.has(number)) return;
    const label = document.createElement('label');
    const input = document.createElement('input');
    Object.assign(input, { type: 'checkbox', name: 'system', value: number });
    input.checked = kept.size <= 3 || (begun.size < 3 && !begun.has(system.method)); // at first one of each method
    begun.add(system.method);
    label.append(input, system.name);
    options.append(label);
  });
  form.querySelector('.systems').append(options);
  data.attributes.forEach(({ name }, target) => form.elements.target.append(new Option(name, target)));

  const offer = () => {
    const chosen = form.elements.target.value;
    const direction = form.elements.direction;
    const before = direction.value;
    direction.replaceChildren(new Option('all', ''));
    data.attributes.forEach(({ name, values }, target) => {
      if (chosen !== '' && Number(chosen) !== target) return;
      values.forEach((value, k) => {
        if (tiles.some(tile => tile.target === target && tile.value === k)) {
          direction.append(new Option(chosen === '' ? `${name}: to ${value}` : `to ${value}`, `${target}/${k}`));
        }
      });
    });
    direction.value = before;
    if (direction.selectedIndex < 0) direction.value = '';
  };

  const residual = tile => {
    const made = tile.querySelector('.made');
    const [own, source] = [pixels(made), pixels(tile.querySelector('.source canvas'))];
    for (let k = 0; k < own.data.length; k += 1) {
      if (k % 4 < 3) own.data[k] = Math.min(255, GAIN * Math.abs(own.data[k] - source.data[k]));
    }
    context(made).putImageData(own, 0, 0);
  };

  const words = tile => {
    const value = data.attributes[tile.target].values[tile.value];
    const told = [tile.confidence === null
      ? 'The jury does not score this attribute.'
      : `The jury is ${(100 * tile.confidence).toFixed(0)} % sure of ${value}.`];
    const parts = [[tile.inside, 'where it should change'], [tile.outside, 'elsewhere']].filter(([error]) => error !== null);
    if (parts.length) {
      told.push(`${parts.map(([error, where]) => `${error.toFixed(1)} levels ${where}`).join(', ')} from the counterfactual.`);
    }
    return told.join(' ');
  };

  const card = tile => {
    const article = template.content.cloneNode(true).firstElementChild;
    const [id, person] = data.people[tile.person];
    const { name, values } = data.attributes[tile.target];
    const asked = `${name} to ${values[tile.value]}`;
    const system = data.systems[tile.system].name;
    const [source, made, over, answer] = ['.source canvas', '.made', '.over', '.answer canvas'].map(q => article.querySelector(q));
    article.querySelector('h3').textContent = asked;
    article.querySelector('.who').textContent = `${system} · ${id}`;
    article.querySelector('.says').textContent = words(tile);
    for (const key of ['system', 'target', 'value', 'confidence', 'inside', 'outside']) article.dataset[key] = tile[key] ?? '';
    draw(source, 0, tile.person);
    draw(over, 0, tile.person);
    source.setAttribute('aria-label', `Test image ${id}: ${person}`);
    answer.setAttribute('aria-label', `Counterfactual of ${id}: ${asked}`);
    const known = answers.get(`${tile.target}/${tile.person}/${tile.value}`);
    if (known) draw(answer, ...known);
    else article.querySelector('.answer').hidden = true;
    const button = article.querySelector('.residual');
    const caption = article.querySelector('.result figcaption');
    const press = on => {
      draw(made, tile.sprite, tile.cell);
      if (on) residual(article);
      button.setAttribute('aria-pressed', on);
      caption.textContent = on ? '|result - source| x 2' : 'Result';
      made.setAttribute('aria-label', `${on ? 'Residual' : 'Result'} of ${system} for ${id}: ${asked}`);
    };
    press(form.elements.residuals.checked);
    button.addEventListener('click', () => press(button.getAttribute('aria-pressed') !== 'true'));
    const slider = article.querySelector('.slide input');
    slider.addEventListener('input', () => {
      over.style.clipPath = `inset(0 0 0 ${slider.value}%)`;
      slider.setAttribute('aria-valuetext', `${slider.value} % result`);
    });
    const bar = article.querySelector('.confidence');
    bar.hidden = tile.confidence === null;
    bar.firstElementChild.style.width = `${100 * (tile.confidence ?? 0)}%`;
    return article;
  };

  let chosen = [];
  const show = () => {
    const from = place.childElementCount;
    place.append(...chosen.slice(from, from + AT_ONCE).map(card));
    more.hidden = place.childElementCount >= chosen.length;
    count.textContent = chosen.length
      ? `${place.childElementCount} of ${chosen.length} results`
      : 'No result fits these choices: choose a system, another attribute or another direction.';
    return place.children[from];
  };
  const update = () => {
    const systems = new Set([...form.querySelectorAll('[name=system]:checked')].map(input => Number(input.value)));
    const [target, direction, key, order] = ['target', 'direction', 'key', 'order'].map(name => form.elements[name].value);
    const sign = order === 'descending' ? -1 : 1;
    chosen = tiles.filter(tile => systems.has(tile.system)
      && (target === '' || tile.target === Number(target))
      && (direction === '' || `${tile.target}/${tile.value}` === direction));
    const among = (a, b) => a.person - b.person || a.target - b.target || a.value - b.value || a.system - b.system;
    chosen.sort((a, b) => {
      if (key === 'person') return sign * (a.person - b.person) || among(a, b);
      if ((a[key] === null) !== (b[key] === null)) return a[key] === null ? 1 : -1; // what is not known comes last
      return sign * (a[key] - b[key]) || among(a, b);
    });
    place.replaceChildren();
    show();
  };

  form.addEventListener('submit', event => event.preventDefault());
  form.addEventListener('change', event => {
    if (event.target.name === 'target') offer();
    update();
  });
  more.addEventListener('click', () => show()?.querySelector('input').focus());
  addEventListener('beforeprint', () => { more.hidden = true; });
  offer();
  Promise.all(sheets.map(sheet => sheet.decode())).then(update);
})();
