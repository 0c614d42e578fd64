import { useI18n } from 'vue-i18n'

/** Codes of the standard in words; a code that it does not know stays a code. */
export function useWords() {
  const { t, te } = useI18n()

  function pointClass(code: string): string {
    return te(`point-class.${code}`) ? t(`point-class.${code}`) : code
  }

  /** Annex O names the first three digits; what is finer stays in digits. */
  function siteType(code: string): string {
    const area = code.slice(0, 3)
    if (!te(`site-type.${area}`)) return code
    const finer = code.slice(3).replace(/^0+$|^(\d{2})00$/, '$1')
    return [t(`site-type.${area}`), finer].filter(Boolean).join(' ')
  }

  function system(code: string): string {
    return te(`coordinate-system.${code}`) ? t(`coordinate-system.${code}`) : code
  }

  return { pointClass, siteType, system }
}

export const SITE_AREAS = [
  ...Array.from({ length: 28 }, (_, at) => String(at + 1).padStart(3, '0')),
  '031',
  '032',
  '998',
  '999',
] as const
