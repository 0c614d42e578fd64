import js from '@eslint/js'
import globals from 'globals'
import pluginVue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'

const CJK = '[\\u3000-\\u303f\\u3400-\\u9fff\\uf900-\\ufaff\\uff00-\\uffef]'
const IN_LOCALE_FILES = 'Words for people belong into src/i18n/*.json.'
const noCjkInScript = [
  { selector: `Literal[value=/${CJK}/]`, message: IN_LOCALE_FILES },
  { selector: `TemplateElement[value.raw=/${CJK}/]`, message: IN_LOCALE_FILES },
]

export default tseslint.config(
  { ignores: ['src/api/schema.d.ts', 'node_modules', 'dist'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  ...pluginVue.configs['flat/recommended'],
  {
    files: ['**/*.{ts,vue}'],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { parser: tseslint.parser, extraFileExtensions: ['.vue'], sourceType: 'module' },
    },
    rules: {
      'no-undef': 'off',
      'no-console': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...noCjkInScript],
      'vue/no-restricted-syntax': [
        'error',
        { selector: `VText[value=/${CJK}/]`, message: IN_LOCALE_FILES },
        { selector: `VLiteral[value=/${CJK}/]`, message: IN_LOCALE_FILES },
        ...noCjkInScript,
      ],
      'vue/no-v-html': 'error',
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/html-button-has-type': 'error',
      'vue/multi-word-component-names': 'off',
      // Line breaks inside tags are left to whoever writes them.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/html-indent': 'off',
    },
  },
)
