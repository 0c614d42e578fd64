import { onScopeDispose, ref } from 'vue'
import type { Colours } from '@/figures/options'

const NAMES = ['font', 'text', 'faint', 'line', 'panel', 'good', 'bad', 'doubt'] as const

function read(): Colours {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(
    NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  ) as Record<(typeof NAMES)[number], string>
}

/** The theme's font and colours, for what is drawn and cannot read them from the style sheet. */
export function useColours() {
  const colours = ref(read())
  const observer = new MutationObserver(() => (colours.value = read()))
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  onScopeDispose(() => observer.disconnect())
  return colours
}
