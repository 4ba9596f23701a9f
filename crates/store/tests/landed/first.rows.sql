-- What the first landing has made of ada, who signs in with a password and has set up an app, at noon of 2020-01-01, with the
-- key in `first.key`. Its bytes are written as PostgreSQL has them. None of this is ever changed.

INSERT INTO account VALUES('vrtbxtnldge5yg2vfecisc4mhu',1,'ss3cjd23closooyssdys2pcdja');
INSERT INTO device VALUES('ss3cjd23closooyssdys2pcdja','vrtbxtnldge5yg2vfecisc4mhu','totp','Phone','active',2,0,NULL,1577880002181,1577880002189,'\x0100000001fc5d45eb7fee50f9b5df2c2317ce5099cfbf022125a61a8213185069b07e9dc0a6cc2f234a69643d4e114ecc64683b1c47d4ef7aec9607671c52882569b47a33841fadd5128aad7b0f0237165429caa9348c97a3d713a1811e17b1556f76542f283f594c1e3c88a39bcd9f7a11168eaf6fe74e9161658c901ddccd2354d79f1a93f0446b125777d7bb3be488e732f89825c02601e630cc1a600b8a0564f824dd767c96da9bab05eb1a999a9c4ff6fa62456c6e4f971763736a1f3662aa37b04b');
INSERT INTO app_user VALUES('vrtbxtnldge5yg2vfecisc4mhu','ada','ada',NULL,'$argon2id$v=19$m=19456,t=2,p=1$wbnVIiKZjU2PRaCcXM3sdQ$amC4N3BxxGAFrBpHM/FJ9JG1VFH5OwLpIshtBcEbq5M',1,0,'w8NZLJ1M8fg4X5B0JBs1Ew',1577880000011,1577880000011);
