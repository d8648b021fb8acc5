'use client'

export default function Failed({ reset }: { reset: () => void }) {
  return (
    <main>
      <h1>That did not work</h1>
      <button type="button" onClick={reset}>
        Try again
      </button>
    </main>
  )
}
