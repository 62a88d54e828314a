'use strict';
// Tables that sort and let rows and columns be chosen; figures of a point that is pointed at; where one is on the page.
(() => {
  const said = document.getElementById('said');
  const texts = new Intl.Collator(undefined, { numeric: true });
  const WAYS = { none: 'ascending', ascending: 'descending', descending: 'none' };

  const sort = (table, column, way) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.forEach((row, place) => { row.dataset.place ??= place; });
    const sign = way === 'descending' ? -1 : 1;
    const keyed = rows.map(row => {
      const cell = row.cells[column];
      const number = cell.dataset.number === undefined ? null : Number(cell.dataset.number);
      return { row, number, text: cell.textContent.trim(), place: Number(row.dataset.place) };
    });
    const some = keyed.some(key => key.number !== null);
    keyed.sort((a, b) => {
      if (way === 'none') return a.place - b.place;
      if (some && (a.number === null) !== (b.number === null)) return a.number === null ? 1 : -1;
      const order = some && a.number !== null ? a.number - b.number : texts.compare(a.text, b.text);
      return sign * order || a.place - b.place;
    });
    body.append(...keyed.map(key => key.row));
  };

  // Where a drawing is wider than the screen, its right end has the systems with their names.
  for (const svg of document.querySelectorAll('svg.tradeoff')) svg.parentElement.scrollLeft = svg.parentElement.scrollWidth;

  for (const button of document.querySelectorAll('section.table thead button')) {
    button.addEventListener('click', () => {
      const heading = button.closest('th');
      const table = button.closest('table');
      const way = WAYS[heading.getAttribute('aria-sort')];
      for (const other of table.tHead.rows[0].cells) other.setAttribute('aria-sort', 'none');
      heading.setAttribute('aria-sort', way);
      sort(table, heading.cellIndex, way);
      said.textContent = way === 'none' ? 'In the order of the report' : `Sorted by ${button.textContent}, ${way}`;
    });
  }

  const box = (text, changed) => {
    const label = document.createElement('label');
    const input = document.createElement('input');
    input.type = 'checkbox';
    input.checked = true;
    input.addEventListener('change', changed);
    label.append(input, ` ${text}`);
    return { label, input, text };
  };

  const group = (name, names, changed) => {
    const set = document.createElement('fieldset');
    const legend = document.createElement('legend');
    const options = document.createElement('div');
    legend.textContent = name;
    options.className = 'options';
    const boxes = names.map(text => box(text, changed));
    options.append(...boxes.map(own => own.label));
    for (const [text, on] of [['all', true], ['none', false]]) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = text;
      button.addEventListener('click', () => {
        for (const own of boxes) if (!own.label.hidden) own.input.checked = on;
        changed();
      });
      legend.append(' ', button);
    }
    set.append(legend);
    if (names.length > 12) {
      const filter = document.createElement('input');
      filter.type = 'search';
      filter.placeholder = 'find';
      filter.setAttribute('aria-label', `Find among ${name.toLowerCase()}`);
      filter.addEventListener('input', () => {
        const wanted = filter.value.toLowerCase();
        for (const own of boxes) own.label.hidden = !own.text.toLowerCase().includes(wanted);
      });
      set.append(filter);
    }
    set.append(options);
    return { set, wanted: () => new Set(boxes.filter(own => own.input.checked).map(own => own.text)) };
  };

  const chooser = details => {
    const tables = [...details.closest('section.table').querySelectorAll('table')];
    const head = table => [...table.tHead.rows[0].cells];
    const rows = [...new Set(tables.flatMap(t => [...t.tBodies[0].rows].map(row => row.cells[0].textContent)))];
    const columns = [...new Set(tables.flatMap(t => head(t).slice(1).map(cell => cell.textContent.trim())))];
    const apply = () => {
      const [own, others] = [byRow.wanted(), byColumn.wanted()];
      for (const table of tables) {
        const hidden = head(table).map((cell, place) => place > 0 && !others.has(cell.textContent.trim()));
        for (const row of table.rows) {
          [...row.cells].forEach((cell, place) => { cell.hidden = hidden[place]; });
          if (row.parentElement.tagName === 'TBODY') row.hidden = !own.has(row.cells[0].textContent);
        }
        table.parentElement.hidden = hidden.slice(1).every(Boolean) || [...table.tBodies[0].rows].every(row => row.hidden);
      }
      said.textContent = `${own.size} of ${rows.length} rows, ${others.size} of ${columns.length} columns`;
    };
    const byRow = group('Rows', rows, apply);
    const byColumn = group('Columns', columns, apply);
    details.querySelector('.choices').append(byRow.set, byColumn.set);
  };
  for (const details of document.querySelectorAll('details.choose')) {
    details.addEventListener('toggle', () => chooser(details), { once: true });
  }

  const tip = document.getElementById('tip');
  const show = (point, x, y) => {
    tip.textContent = point.getAttribute('aria-label');
    tip.hidden = false;
    tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(8, y - tip.offsetHeight - 12)}px`;
  };
  for (const point of document.querySelectorAll('.point')) {
    point.addEventListener('pointermove', event => show(point, event.clientX, event.clientY));
    point.addEventListener('pointerleave', () => { tip.hidden = true; });
    point.addEventListener('blur', () => { tip.hidden = true; });
    point.addEventListener('focus', () => {
      const mark = point.querySelector('.mark').getBoundingClientRect();
      show(point, mark.right, mark.top);
    });
  }

  const nav = document.querySelector('nav.contents details');
  const narrow = matchMedia('(max-width: 1079px)');
  nav.open = !narrow.matches;
  narrow.addEventListener('change', () => { nav.open = !narrow.matches; }); // beside the text it has no handle
  const links = new Map([...nav.querySelectorAll('a')].map(link => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver(entries => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute('aria-current');
      links.get(entry.target.id)?.setAttribute('aria-current', 'true');
    }
  }, { rootMargin: '0px 0px -75% 0px' });
  for (const id of links.keys()) {
    const part = document.getElementById(id);
    if (part) seen.observe(part);
  }
  addEventListener('beforeprint', () => {
    for (const details of document.querySelectorAll('details:not(.choose)')) details.open = true;
  });
})();
