import { describe, expect, test } from 'vitest';
import { fixText } from '../../../../backend/src/prompt/fix-text.js';

// the answers are those of ftfy 6.3.1
describe('text is cleaned as for CLIP', () => {
  test.each([
    ['curly quotes become straight', '“it’s” ‹fine›', '"it\'s" ‹fine›'],
    ['ligatures come apart, letters of their own stay', 'ﬂuﬃest æ œ', 'fluffiest æ œ'],
    ['wide and narrow forms take their usual width', 'ＬＯＵＤ　Ｕﾀｰﾝ ｶﾞ', 'LOUD Uターン ガ'],
    ['every line break is a line feed', 'a\r\nb\rc\u2028d\u2029e', 'a\nb\nc\nd\ne'],
    ['terminal colours and control characters go, joiners stay', '\x1b[36;44mblue\x1b[0m\x07 \ufeff👩‍🚀', 'blue 👩‍🚀'],
    ['letters and their accents are joined', 'e\u0301', 'é'],
    ['a lone surrogate becomes the replacement character', 'a\ud83db \udca9', 'a\ufffdb \ufffd'],
    [
      'references of HTML are read, again and again',
      '&lt;b&gt; caf&eacute; P&EACUTE;REZ &amp;amp; &#233; &#x2019;',
      "<b> café PÉREZ & é '",
    ],
    ['what is no reference stays', 'this&not that &nTILDE; &#59; &unknown; &#12ab;', 'this&not that &nTILDE; &#59; &unknown; &#12ab;'],
  ])('%s', (_, text, expected) => {
    expect(fixText(text)).toBe(expected);
  });

  test('from the first line with a "<" on, references are taken for HTML source and stay', () => {
    expect(fixText('&eacute;\n<b>&eacute;\n&eacute;')).toBe('é\n<b>&eacute;\n&eacute;');
  });
});

describe('mojibake is undone', () => {
  test.each([
    ['Latin-1', 'sÃ³', 'só'],
    ['Windows-1252', 'donâ€™t âœ” No problems', "don't ✔ No problems"],
    ['Windows-1251', 'РїСЂРёРІРµС‚ вЂ” РјРёСЂ', 'привет — мир'],
    ['Mac Roman', 'caf√© √¢ la mode', 'café â la mode'],
    ['code page 437', 'caf├⌐', 'café'],
    ['twice over', 'cafÃƒÂ©', 'café'],
    ['a no-break space that became a space', 'voilÃ le travail', 'voilà le travail'],
    ['a lost byte', 'â€œ like this â€�', '" like this �'],
    ['only part of the text', 'Ð¯ and я', 'Я and я'],
    ['C1 controls', 'a \x85 b', 'a … b'],
    ['two encoded surrogates', 'í\xa0½í¸\x8d', '😍'],
  ])('read as %s', (_, text, expected) => {
    expect(fixText(text)).toBe(expected);
  });

  test.each(['café', 'ÀÉÎÕÜ', 'À la carte', 'naïve Übung', 'привет', '日本語', '½ × ²', '¯\\_(ツ)_/¯', 'ÒwÓ'])(
    '"%s" is honest text and stays',
    (text) => {
      expect(fixText(text)).toBe(text);
    },
  );
});

test('text made to need endless rounds is given up after some, in time', () => {
  const started = performance.now();
  for (const text of [`&${'amp;'.repeat(25_000)}`, `${'&semi'.repeat(20_000)};`, 'Ã'.repeat(100_000), '\x1b['.repeat(50_000)])
    fixText(text);
  expect(performance.now() - started).toBeLessThan(5000);
});
