const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
  [/\bcurl\//, 'curl'],
]

const SYSTEMS: readonly [RegExp, string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'Mac'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]

/**
 * A User-Agent as people would say it, "Firefox on Linux", for lists of devices; null when nothing is recognized. Coarse on
 * purpose: versions change weekly and mean nothing to the reader. The option `device` replaces it.
 */
export function describeDevice(userAgent: string | null): string | null {
  if (!userAgent) return null
  const find = (list: readonly [RegExp, string][]) => list.find(([pattern]) => pattern.test(userAgent))?.[1]
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)]
  return browser && system ? `${browser} on ${system}` : (browser ?? system ?? null)
}

/**
 * A label as it is stored: cut to 120 characters, and without characters that JSON writes six times as long, so that it fits
 * the 512 bytes of a sealed label. What an application makes of a User-Agent may be as long as a visitor likes.
 */
export function tidyLabel(label: unknown): string | null {
  if (typeof label !== 'string') return null
  const text = label.slice(0, 120).replace(/[\p{Cc}\p{Surrogate}]/gu, ' ')
  return text.trim() || null
}
