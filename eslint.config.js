import globals from 'globals';
import vue from 'eslint-plugin-vue';
import accessibility from 'eslint-plugin-vuejs-accessibility';
import ts from 'typescript-eslint';
import vueParser from 'vue-eslint-parser';
import { knowEveryone, layers, nestPlaces } from './layers.mjs';

const server = 'backend/src';
const nestMessage = `Nest lives in ${nestPlaces.join(', ')} only; the rest is plain TypeScript.`;

/** A pattern for every relative way into a folder or file of `backend/src`. */
const into = (place) => `^(\\.\\./)+${place.replace('.ts', '\\.js$')}${place.endsWith('.ts') ? '' : '/'}`;

const nest = { regex: '^@nestjs/', message: nestMessage };
const ownPackages = (...names) => ({
  regex: `^@atelier/(${names.join('|')})`,
  message: 'The page and extensions import the sdk, the sdk imports nothing of ours.',
});

/** Rules of one folder of `backend/src`: what the layer table leaves out. */
function layerRules([folder, allowed]) {
  const others = [...Object.keys(layers), ...knowEveryone, 'command-line.ts', 'version.ts'].filter(
    (other) => other !== folder && !allowed.includes(other),
  );
  const patterns = others.map((place) => ({
    regex: into(place),
    message: `${folder}/ may import ${[...allowed, 'the sdk'].join(', ')}.`,
  }));
  if (!nestPlaces.includes(folder)) patterns.push(nest);
  return { files: [`${server}/${folder}/**/*.ts`], rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

export default ts.config(
  { ignores: ['**/dist/', '**/node_modules/', 'tests/goldens/', 'tests/starter/', 'data/', 'outputs/', 'extensions/', 'coverage/'] },
  ts.configs.strict,
  vue.configs['flat/recommended'],
  accessibility.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parser: vueParser, parserOptions: { parser: ts.parser, sourceType: 'module' } },
    rules: { 'no-undef': 'off' },
  },
  { files: ['**/*.{js,mjs}'], languageOptions: { globals: globals.node } },
  {
    rules: {
      eqeqeq: 'error',
      'no-console': 'off',
      'no-restricted-globals': ['error', { name: 'event', message: 'Take the event as a parameter.' }],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-extraneous-class': 'off', // Nest modules are classes without members
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off', // beside its reason it is clearer than a check that cannot fail
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
    },
  },
  {
    // layout is prettier's
    files: ['**/*.vue'],
    rules: {
      'vue/html-closing-bracket-newline': 'off',
      'vue/html-indent': 'off',
      'vue/html-self-closing': 'off',
      'vue/max-attributes-per-line': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/require-default-prop': 'off', // props are declared by types
      'vue/multi-word-component-names': ['error', { ignores: ['App'] }],
      'vue/block-order': ['error', { order: ['script', 'template', 'style'] }],
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
  {
    // a promise that nobody waits for hides its error
    files: ['backend/src/**/*.ts', 'sdk/src/**/*.ts'],
    ignores: ['sdk/src/ui/**'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
    },
  },
  ...Object.entries(layers).map(layerRules),
  {
    files: [`${server}/*.ts`],
    ignores: nestPlaces.map((place) => `${server}/${place}`),
    rules: { 'no-restricted-imports': ['error', { patterns: [nest] }] },
  },
  { files: ['sdk/src/**/*.{ts,vue}'], rules: { 'no-restricted-imports': ['error', { patterns: [ownPackages('backend', 'frontend')] }] } },
  { files: ['frontend/**/*.{ts,vue}'], rules: { 'no-restricted-imports': ['error', { patterns: [ownPackages('backend')] }] } },
  {
    files: ['extensions-builtin/**/*.{ts,vue}', 'sdk/examples/**/*.{ts,vue}'],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [ownPackages('backend(?!/model-families$)', 'frontend')] }] },
  },
);
