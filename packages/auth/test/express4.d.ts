// The package of this alias has no types of its own; what is used here is the same in both majors.
declare module 'express4' {
  import express from 'express'
  export default express
}
