import { darkTheme, type GlobalTheme, type GlobalThemeOverrides } from 'naive-ui'

const FONT =
  "system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', sans-serif"

const shape = {
  fontFamily: FONT,
  fontFamilyMono: "ui-monospace, 'SFMono-Regular', Consolas, 'DejaVu Sans Mono', monospace",
  borderRadius: '5px',
}

const light: GlobalThemeOverrides = {
  common: {
    ...shape,
    primaryColor: '#1463bd',
    primaryColorHover: '#2b79d2',
    primaryColorPressed: '#0f4f98',
    primaryColorSuppl: '#2b79d2',
    bodyColor: '#f3f5f8',
    textColorBase: '#17212b',
    successColor: '#12804a',
    errorColor: '#c22f3f',
    warningColor: '#98640a',
  },
}

const dark: GlobalThemeOverrides = {
  common: {
    ...shape,
    primaryColor: '#5aa8f5',
    primaryColorHover: '#7dbcf8',
    primaryColorPressed: '#4390dd',
    primaryColorSuppl: '#4390dd',
    bodyColor: '#0b1016',
    cardColor: '#121922',
    modalColor: '#18212c',
    popoverColor: '#1c2733',
    tableColor: '#121922',
    inputColor: '#0e151d',
    successColor: '#4cc38a',
    errorColor: '#f2727f',
    warningColor: '#e0ad55',
  },
}

/** Naive UI's theme and our colours over it. */
export function themeFor(isDark: boolean): {
  theme: GlobalTheme | null
  overrides: GlobalThemeOverrides
} {
  return isDark ? { theme: darkTheme, overrides: dark } : { theme: null, overrides: light }
}
