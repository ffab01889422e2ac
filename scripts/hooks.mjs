// Writes codex/hooks.md from the doc comments of HookTable: `npm run hooks`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const source = new URL('../sdk/src/hooks.ts', import.meta.url);
const target = new URL('../codex/hooks.md', import.meta.url);

const kinds = [
  ['collect', 'Adds things to a registry, at once.', 'the extension is withdrawn with all it brought'],
  [
    'resolve',
    'Answers a question, or returns `undefined` to pass it on. The first answer counts.',
    'the question fails, naming the extension',
  ],
  ['transform', '**Returns** the value that goes on, changed or not.', 'the job fails, naming the extension'],
  ['wrap', 'Returns a function that is used instead of the given one.', 'the job fails, naming the extension'],
  ['on', 'Is told, and cannot change anything.', 'the job gets a warning; the others are still told'],
];

/** Each hook of the table: its name, its doc comment as one text, its fields. */
export function readHooks() {
  const file = ts.createSourceFile('hooks.ts', readFileSync(source, 'utf8'), ts.ScriptTarget.Latest, true);
  const table = file.statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === 'HookTable');
  return table.members.map((member) => ({
    name: member.name.getText(file),
    doc: ts
      .getJSDocCommentsAndTags(member)
      .map((comment) => ts.getTextOfJSDocComment(comment.comment) ?? '')
      .join('\n')
      .trim(),
    fields: member.type.members.map((field) => ({ name: field.name.getText(file), type: field.type.getText(file).replace(/\s+/g, ' ') })),
  }));
}

/** How a tap of the hook is written. */
function signatureOf({ name, fields }) {
  const kind = kindOf(name);
  const names = fields
    .map((field) => field.name)
    .filter((field) => field !== 'answer')
    .join(', ');
  const result = { collect: 'void', resolve: 'answer | undefined', transform: 'value', wrap: 'function', on: 'void' }[kind];
  return `hooks.${name}.tap((${names}) => ${result})`;
}

const kindOf = (name) => /^[a-z]+/.exec(name)[0];

/** The page, as it should stand in codex/hooks.md. */
export function hooksPage() {
  const hooks = readHooks();
  const sections = kinds.map(([kind, rule, fault]) => {
    const entries = hooks
      .filter((hook) => kindOf(hook.name) === kind)
      .map((hook) => {
        const fields = hook.fields.map((field) => `- \`${field.name}\`: \`${field.type}\``);
        return [`### ${hook.name}`, hook.doc, ['```ts', signatureOf(hook), '```'].join('\n'), fields.join('\n')].join('\n\n');
      });
    return [`## ${kind}…`, `${rule} When a tap throws: ${fault}.`, ...entries].join('\n\n');
  });
  return (
    [
      '# Hooks',
      'Written by `npm run hooks` from the doc comments of `HookTable` in `sdk/src/hooks.ts`. Change them there.',
      'The first word of a name is its kind, and says what a tap may do. All but `collect` and `wrap` may be `async`. `tap(fn, options)` takes\n`stage` (`early`, `normal`, `late`), `before` and `after` (ids of extensions), and gives something to dispose.',
      ...sections,
    ].join('\n\n') + '\n'
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(target, hooksPage());
  console.log('codex/hooks.md is written.');
}
