import { useServerFn } from '@tanstack/react-start'

/** A form for a server function that ends with a redirect, with JavaScript and without it. */
export function Form({ action, children }) {
  const run = useServerFn(action)
  function submit(event) {
    event.preventDefault()
    return run({ data: new FormData(event.currentTarget) })
  }
  return (
    <form method="post" action={action.url} encType="multipart/form-data" onSubmit={submit}>
      {children}
    </form>
  )
}
