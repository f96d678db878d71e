// Command pawl keeps the image versions of a Git profile up to date.
package main

func main() {}
