// Ends the program with one sentence when this Node cannot run Atelier. Imported before anything else, and written in
// a language that every Node with ES modules reads, so that the sentence comes and not a syntax error.
import fs from 'fs';

const { engines } = JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** Whether a version like `22.16.0` lies in a range like `^20.19.0 || >=24.0.0`; no other operators are understood. */
export function satisfies(version, range) {
  const wanted = numbers(version);
  return range.split('||').some((part) => {
    const least = numbers(part);
    const isEnough =
      wanted[0] > least[0] || (wanted[0] === least[0] && (wanted[1] > least[1] || (wanted[1] === least[1] && wanted[2] >= least[2])));
    return isEnough && (!part.includes('^') || wanted[0] === least[0]);
  });
}

function numbers(text) {
  return text.match(/\d+/g).slice(0, 3).map(Number);
}

if (!satisfies(process.versions.node, engines.node)) {
  console.error(
    'Atelier needs Node 20.19 or a later 20, 22.16 or a later 22, or 24 and later, and this is Node ' +
      process.versions.node +
      ': install a newer one from https://nodejs.org.',
  );
  process.exit(1);
}
