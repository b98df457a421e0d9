"""One statement in every format: three entries that lead from 1000.00 to 1784.50."""

from __future__ import annotations

CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
 <BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr>
  <Stmt><Id>1</Id>
   <FrToDt><FrDtTm>2026-01-01T00:00:00</FrDtTm><ToDtTm>2026-01-31T23:59:59</ToDtTm></FrToDt>
   <Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
   <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1000.00</Amt>
    <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-01</Dt></Dt></Bal>
   <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1784.50</Amt>
    <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-31</Dt></Dt></Bal>
   <TxsSummry><TtlNtries><NbOfNtries>3</NbOfNtries></TtlNtries></TxsSummry>
   <Ntry><Amt Ccy="EUR">800.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
    <BookgDt><Dt>2026-01-09</Dt></BookgDt><ValDt><Dt>2026-01-09</Dt></ValDt>
    <AcctSvcrRef>REF1</AcctSvcrRef>
    <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
    <NtryDtls><TxDtls><Refs><EndToEndId>E2E-1</EndToEndId></Refs>
     <RltdPties><Dbtr><Pty><Nm>Stripe Technology Europe Ltd</Nm></Pty></Dbtr></RltdPties>
     <RmtInf><Ustrd>STRIPE PAYOUT Ä1</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
   <Ntry><Amt Ccy="EUR">20.25</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
    <BookgDt><Dt>2026-01-12</Dt></BookgDt><AddtlNtryInf>Fees</AddtlNtryInf>
    <NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
     <TxDtls><Amt Ccy="EUR">20.00</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls>
     <TxDtls><Amt Ccy="EUR">0.25</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls></NtryDtls></Ntry>
   <Ntry><Amt Ccy="EUR">4.75</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
    <BookgDt><Dt>2026-01-13</Dt></BookgDt></Ntry>
  </Stmt></BkToCstmrStmt></Document>
"""

OFX = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
ENCODING:USASCII
CHARSET:1252

<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS></SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR
<BANKACCTFROM><BANKID>12030000<ACCTID>202051<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260101<DTEND>20260131
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260109120000[-5:EST]<TRNAMT>800.00<FITID>REF1
<NAME>STRIPE<MEMO>PAYOUT &amp; more \u00c41</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260112<TRNAMT>-20.25<FITID>REF2<NAME>Fees</STMTTRN>
<STMTTRN><TRNTYPE>INT<DTPOSTED>20260113<TRNAMT>4,75<FITID>REF3<NAME>Interest</STMTTRN>
</BANKTRANLIST><LEDGERBAL><BALAMT>1784.50<DTASOF>20260131</LEDGERBAL>
<AVAILBAL><BALAMT>9.99<DTASOF>20260131</AVAILBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""

MT940 = """{1:F01BANKDEFFXXXX0000000000}{2:O9400000260131BANKDEFFXXXX00000000002601310000N}{4:
:20:STARTUMSE
:25:12030000/202051
:28C:00001/001
:60F:C260101EUR1000,00
:61:2601090109CR800,00NTRFE2E-1//REF1
:86:166?00GUTSCHRIFT?20EREF+E2E-1?21STRIPE PAYOUT \u00c41?32Stripe Technology Europe Lt?33d
:61:2601120112D20,25NMSCNONREF//REF2
:86:/EREF/NOTPROVIDED/REMI/Fees
:61:2601130113C4,75NMSCNONREF
:62F:C260131EUR1784,50
-}
"""

BAI2 = """01,121000248,TIEOUT,260131,0500,1,80,,2/
02,TIEOUT,121000248,1,260113,2400,EUR,2/
03,202051,EUR,010,100000,,,015,178450,,/
88,100,80475,2,,400,2025,1,/
16,165,80000,S,80000,0,0,REF1,CUST1,ORIG CO NAME:STRIPE ORIG ID:1800948598/
88,DESC DATE:260109, CO ENTRY DESCR:TRANSFER
16,469,2025,,REF2,,Fees/
16,354,475,V,260113,,REF3,,Interest/
49,{control},7/
98,{control},1,9/
99,{control},1,11/
""".replace("{control}", str(100000 + 178450 + 80475 + 2025 + 80000 + 2025 + 475))

CSV = """Account: 202051
Posted;Text;Amount;Balance;Ref
09.01.2026;"STRIPE PAYOUT \u00c41; more";800,00;1.800,00;REF1
12.01.2026;Fees;-20,25;1.779,75;REF2
13.01.2026;Interest;4,75;1.784,50;REF3
"""

PROFILE = """
account: "202051"
currency: EUR
delimiter: ";"
skip_rows: 1
date_format: "%d.%m.%Y"
decimal_mark: ","
thousands_mark: "."
columns:
  posted_date: Posted
  amount: Amount
  description: [Text]
  balance: Balance
  reference: Ref
"""

FILES = {"camt": CAMT, "ofx": OFX, "mt940": MT940, "bai2": BAI2, "csv": CSV}
AMOUNTS = [80000, -2025, 475]
