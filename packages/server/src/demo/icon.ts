/** The mark of the page: a leaf in a ring that closes on itself. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none">
<path d="M27 16a11 11 0 1 1-4-8.5" stroke="#2f9e63" stroke-width="3.4" stroke-linecap="round"/>
<path d="M11 20c0-6 4-9 10-9 0 6-3 10-8 10m-3 2 6-7" stroke="#2f9e63" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>
</svg>
`
