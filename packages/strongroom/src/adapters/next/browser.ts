// Stands for the adapter in what is built for browsers, by the field "browser" of package.json: Next then refuses the client component that
// has imported it, and says which it is.
// @ts-expect-error: only under this name does Next know it.
import 'next/headers'
