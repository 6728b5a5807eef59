// Package npy maps NumPy's .npy files as regions, and writes files that NumPy can map.
//
// [Open] and [OpenMut] show the array of a file without copying it; [Create] and [Write] make
// files. The elements follow one another in C order, so an array of two or more dimensions is a
// region of all of them. [region.RowsOf] with [Header.Width] shows its rows.
//
// # Types
//
// T is what an element of the array is. It must be a type that may live in a file, as in
// [region.Open], and agree with the dtype of the array:
//
//	NumPy                         Go
//	i1 … i8, u1 … u8, f4, f8      int8 … int64, uint8 … uint64, float32, float64
//	c8, c16                       complex64, complex128
//	b1 (bool)                     region.Bool8, uint8
//	<M8[ns], <m8[ns] (times)      int64
//	<U12 (12 characters)          [12]uint32, [12]int32
//	S12, V12, and any of 12 bytes [12]uint8
//	a dtype with fields           a struct
//	a field of shape (2, 3)       an array [2][3]T
//
// Numbers without a prefix have the byte order of this machine. For the other one write the types
// of package endian: ">f8" is endian.BE64[float64]. They may begin at any byte, too: where the data
// begins at an odd place, as in some old files, or where fields do, they are the only ones.
//
// If T is an array, its dimensions are the last ones of the shape: [3]float32 are the elements of
// an array of shape (100, 3), and so is float32.
//
// A field of a struct is found by its name in the dtype: that of its tag `npy:"price"`, its own
// name, or one that differs in case only. Each one must be at the same byte. Blank fields (_) stand
// for what nothing is read from: padding, or fields of the dtype. They are written as padding.
//
// # What is refused
//
// Arrays in Fortran order, arrays of Python objects, pickles and .npz archives. The error says how
// to save the array so that it can be mapped.
//
// # Files that others use
//
// A .npy file has no lock and no length that could grow: a region of one cannot be made longer, and
// nothing keeps several programs from writing to it at once. Changes reach the file as those of any
// shared mapping; [region.Region.Sync] puts them on the device.
package npy
