// The pages work without this. It says that an attack is under way, and cleans up the address.
for (const form of document.querySelectorAll('form'))
  form.addEventListener('submit', ({ submitter }) => {
    const words = submitter?.dataset.busy
    if (!words) return
    submitter.textContent = words
    submitter.removeAttribute('aria-label')
    submitter.setAttribute('aria-disabled', 'true')
    form.addEventListener('submit', (event) => event.preventDefault())
  })

// A page that comes back from the cache would still say that it is attacking.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload()
})

// On a phone, large tables and long lists of steps would push the rest out of sight.
if (matchMedia('(width < 46rem)').matches)
  for (const details of document.querySelectorAll(location.hash ? '.phone-fold' : '.phone-fold, .results details'))
    details.open = false

const address = new URL(location.href)
address.searchParams.delete('kept')
if (address.href !== location.href) history.replaceState(null, '', address)
