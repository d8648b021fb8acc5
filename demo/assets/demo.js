// The pages work without this. It shows times in the visitor's own time zone, and cleans up the address.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
for (const element of document.querySelectorAll('time[datetime]'))
  element.textContent = exact.format(new Date(element.dateTime))

const address = new URL(location.href)
for (const name of ['kept', 'bye']) address.searchParams.delete(name)
if (address.href !== location.href) history.replaceState(null, '', address)
