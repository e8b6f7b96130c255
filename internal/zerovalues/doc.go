// Package zerovalues has no code: its test calls every exported function and method
// of the packages that a program embeds with zero values.
package zerovalues
