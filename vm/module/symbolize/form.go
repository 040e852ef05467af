package symbolize

// The forms of attributes (DWARF 5, section 7.5.6).
const (
	formAddr          = 0x01
	formBlock2        = 0x03
	formBlock4        = 0x04
	formData2         = 0x05
	formData4         = 0x06
	formData8         = 0x07
	formString        = 0x08
	formBlock         = 0x09
	formBlock1        = 0x0a
	formData1         = 0x0b
	formFlag          = 0x0c
	formSData         = 0x0d
	formStrp          = 0x0e
	formUData         = 0x0f
	formRefAddr       = 0x10
	formRef1          = 0x11
	formRef2          = 0x12
	formRef4          = 0x13
	formRef8          = 0x14
	formRefUData      = 0x15
	formSecOffset     = 0x17
	formExprloc       = 0x18
	formFlagPresent   = 0x19
	formStrx          = 0x1a
	formAddrx         = 0x1b
	formData16        = 0x1e
	formLineStrp      = 0x1f
	formRefSig8       = 0x20
	formImplicitConst = 0x21
	formLoclistx      = 0x22
	formRnglistx      = 0x23
	formStrx1         = 0x25
	formStrx2         = 0x26
	formStrx3         = 0x27
	formStrx4         = 0x28
	formAddrx1        = 0x29
	formAddrx2        = 0x2a
	formAddrx3        = 0x2b
	formAddrx4        = 0x2c
)

// fixedForms are those whose size is known.
var fixedForms = [...]int{
	formData1: 1, formFlag: 1, formRef1: 1, formStrx1: 1, formAddrx1: 1,
	formData2: 2, formRef2: 2, formStrx2: 2, formAddrx2: 2,
	formStrx3: 3, formAddrx3: 3,
	formData4: 4, formRef4: 4, formStrp: 4, formLineStrp: 4, formSecOffset: 4, formStrx4: 4, formAddrx4: 4,
	formData8: 8, formRef8: 8, formRefSig8: 8,
}

// value is the value of an attribute.
type value struct {
	form   uint64
	number uint64
	inline reader // of a text that is where the value is
	unit   *unit  // whose tables it may refer to; nil in .debug_line
}

// readForm reads a value.
func readForm(r *reader, form uint64, u *unit) value {
	v := value{form: form, unit: u}
	if form < uint64(len(fixedForms)) && fixedForms[form] > 0 {
		v.number = r.fixed(fixedForms[form])
		return v
	}
	switch form {
	case formAddr, formRefAddr:
		if u == nil {
			r.fail()
			break
		}
		v.number = r.fixed(u.sizeOf(form))
	case formUData, formRefUData, formStrx, formAddrx, formLoclistx, formRnglistx:
		v.number = r.unsigned()
	case formSData:
		v.number = uint64(r.signed())
	case formString:
		v.inline = *r
		r.skipText()
	case formBlock1:
		r.take(r.fixed(1))
	case formBlock2:
		r.take(r.fixed(2))
	case formBlock4:
		r.take(r.fixed(4))
	case formBlock, formExprloc:
		r.take(r.unsigned())
	case formData16:
		r.take(16)
	case formFlagPresent:
	default:
		r.fail()
	}
	return v
}

// text gives a text that a value is or refers to.
func (s *search) text(v value) string {
	var r reader
	switch v.form {
	case formString:
		r = v.inline
	case formStrp:
		r = s.str.at(v.number)
	case formLineStrp:
		r = s.lineStr.at(v.number)
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4:
		if v.unit == nil {
			return ""
		}
		offsets := s.strOffsets.at(v.unit.strOffsets + v.number*4)
		r = s.str.at(offsets.fixed(4))
	default:
		return ""
	}
	return r.text()
}

// address gives an address that a value is or refers to.
func (s *search) address(v value) uint64 {
	switch v.form {
	case formAddrx, formAddrx1, formAddrx2, formAddrx3, formAddrx4:
		return s.indexed(v.unit, v.number)
	}
	return v.number
}

// indexed gives an address of .debug_addr.
func (s *search) indexed(u *unit, index uint64) uint64 {
	size := uint64(u.addressSize)
	r := s.addr.at(u.addresses + index*size)
	return r.fixed(u.addressSize)
}

// reference gives where in .debug_info the entry is that a value refers to.
func (v value) reference() uint64 {
	switch v.form {
	case formRef1, formRef2, formRef4, formRef8, formRefUData:
		return uint64(v.unit.start) + v.number
	}
	return v.number
}
