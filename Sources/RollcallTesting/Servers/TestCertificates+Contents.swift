// Made once by OpenSSL for this file, valid until the end of 2125; nothing outside of tests trusts them.
//
// Keys in a repository are no secret: whoever is to be kept out is kept out by the authority not being trusted.

extension TestCertificates {
    /// Who and what there is, by the name of its file.
    static let contents: [String: String] = [
        "ca.pem": """
        -----BEGIN CERTIFICATE-----
        MIIBmjCCAT+gAwIBAgIUYfyXJEftTNvkFzZlUYcIvUzRbLcwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOUm9sbGNhbGwgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjEy
        NjAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDlJvbGxjYWxsIHRlc3RzMFkwEwYHKoZI
        zj0CAQYIKoZIzj0DAQcDQgAELd59Gfhr8SYQkgXUXppHDQsndmOmVOYFThdtZj2+
        zuexhlMaNiYscmouertCU83VPHh+9Rcp+ajBDGBag7zz06NjMGEwHQYDVR0OBBYE
        FNGnrNGNbGEstMdK5zHWs9C0zkM0MB8GA1UdIwQYMBaAFNGnrNGNbGEstMdK5zHW
        s9C0zkM0MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49
        BAMCA0kAMEYCIQC0+KNWLsG+KYMwHA1+OB5aevGihtc0kwD7REtzlT8duwIhAIc9
        WqDHXviejgzzSBavCQSuwjCp5XsTBnzjTmnxc70L
        -----END CERTIFICATE-----
        """,
        "other-ca.pem": """
        -----BEGIN CERTIFICATE-----
        MIIBvjCCAWWgAwIBAgIUNNvi5vBdqh6m3HzFzB9u06Ih57MwCgYIKoZIzj0EAwIw
        LDEqMCgGA1UEAwwhUm9sbGNhbGwgdGVzdHMsIGFub3RoZXIgYXV0aG9yaXR5MCAX
        DTIwMDEwMTAwMDAwMFoYDzIxMjYwMTAxMDAwMDAwWjAsMSowKAYDVQQDDCFSb2xs
        Y2FsbCB0ZXN0cywgYW5vdGhlciBhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAASuAP2EP85iznRcCLbUG63bJ7tkCRMOnwOaxbTFXtZQlLcYxBiWKjdG
        ksTOUjwGA+8Xgo+CvoXqn/Aw6mskpBvXo2MwYTAdBgNVHQ4EFgQU06QILwpL2I0t
        oPEWY9z7PQZIay4wHwYDVR0jBBgwFoAU06QILwpL2I0toPEWY9z7PQZIay4wDwYD
        VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDRwAwRAIg
        W5bMKgU0xr9fyGEXNHaLaYXok9Eg2xWncOu6sGDzk/oCIGcDW4hAVrGhmKMDPC41
        1a06tTXjayWrUJmIfq0+RQPa
        -----END CERTIFICATE-----
        """,
        "server.pem": """
        -----BEGIN CERTIFICATE-----
        MIIB2TCCAYCgAwIBAgIUQm49515gCXi7hXJID3gGreTmG9MwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOUm9sbGNhbGwgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjEy
        NTEyMzEwMDAwMDBaMBExDzANBgNVBAMMBnNlcnZlcjBZMBMGByqGSM49AgEGCCqG
        SM49AwEHA0IABJ8og6vJSUbRJQ/qQFtmBkoQ9jQFwyLr/aFdnmeSZjvevu9y1+bT
        N3t7syo0d9wD2ipf17Lia+W3P3aLfDKxvMqjgaswgagwCQYDVR0TBAIwADAOBgNV
        HQ8BAf8EBAMCB4AwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMCwGA1Ud
        EQQlMCOCCWxvY2FsaG9zdIcEfwAAAYcQAAAAAAAAAAAAAAAAAAAAATAfBgNVHSME
        GDAWgBTRp6zRjWxhLLTHSucx1rPQtM5DNDAdBgNVHQ4EFgQUqIV3L0q52hatVV8U
        MRmkJvR5xR0wCgYIKoZIzj0EAwIDRwAwRAIgD6vW3VaKlTgvcovxAE5emgJzXTis
        jL7JkPi3+tV1NS4CIFlGBNHlOHFsaw0CnRKRF1ARZ/HvCYPQnjhhqq2B1VI3
        -----END CERTIFICATE-----
        """,
        "server.key": """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgL23hTrK8FSaBlBm1
        HfzRunxv/GajCfYP2jNVmf81jmOhRANCAASfKIOryUlG0SUP6kBbZgZKEPY0BcMi
        6/2hXZ5nkmY73r7vctfm0zd7e7MqNHfcA9oqX9ey4mvltz92i3wysbzK
        -----END PRIVATE KEY-----
        """,
        "expired.pem": """
        -----BEGIN CERTIFICATE-----
        MIIBzzCCAXWgAwIBAgIUQm49515gCXi7hXJID3gGreTmG9QwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOUm9sbGNhbGwgdGVzdHMwHhcNMjAwMTAxMDAwMDAwWhcNMjEw
        MTAxMDAwMDAwWjASMRAwDgYDVQQDDAdleHBpcmVkMFkwEwYHKoZIzj0CAQYIKoZI
        zj0DAQcDQgAEId+VCOhnHcKmYWBI5LNTYikhLbiT0tD/4ELchi3PIMe3DP65X3Xn
        RTyETKAoIOGbDgeSIhcblI/VZ8ypb+4iC6OBoTCBnjAJBgNVHRMEAjAAMA4GA1Ud
        DwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATAsBgNVHREEJTAjgglsb2Nh
        bGhvc3SHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwHwYDVR0jBBgwFoAU0aes0Y1s
        YSy0x0rnMdaz0LTOQzQwHQYDVR0OBBYEFJTk/arbUt79vNSEhsSRD/V8pkJLMAoG
        CCqGSM49BAMCA0gAMEUCIQD4C7wfelY46YChhBEETAhwmt7Aj5OLtp7YICM9+KIT
        ogIgXB/E+NUwCSzHzlDhbJ+4lTmG7YGlZmTGbeBfXaChMOE=
        -----END CERTIFICATE-----
        """,
        "expired.key": """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgRJtxlDQ307nWbs77
        ckZx6/2RyHBkAnGnpEE/clRmEGqhRANCAAQh35UI6GcdwqZhYEjks1NiKSEtuJPS
        0P/gQtyGLc8gx7cM/rlfdedFPIRMoCgg4ZsOB5IiFxuUj9VnzKlv7iIL
        -----END PRIVATE KEY-----
        """,
        "elsewhere.pem": """
        -----BEGIN CERTIFICATE-----
        MIIBvzCCAWagAwIBAgIUQm49515gCXi7hXJID3gGreTmG9UwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOUm9sbGNhbGwgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjEy
        NTEyMzEwMDAwMDBaMBQxEjAQBgNVBAMMCWVsc2V3aGVyZTBZMBMGByqGSM49AgEG
        CCqGSM49AwEHA0IABP1G7XgaQDBLy2OyYpr/q+kzdUz1V3dmuB68Pyo2cWkhGazC
        5kgvZSkeJEyII4bNV52lqlDnYbc9uoeFe1okKrCjgY4wgYswCQYDVR0TBAIwADAO
        BgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwEwGQYDVR0RBBIwEIIO
        ZWxzZXdoZXJlLnRlc3QwHwYDVR0jBBgwFoAU0aes0Y1sYSy0x0rnMdaz0LTOQzQw
        HQYDVR0OBBYEFDVc8FTxClTWlh+0PMdpNik+Fie3MAoGCCqGSM49BAMCA0cAMEQC
        IFZhn52b+M9daQzqrV6zQlh3rxEp2wAJz5/ceYlR0cj8AiB6xfYt4CCbp3psq/gM
        clcVCvwZbOF/f3zJgqsFkVvPGQ==
        -----END CERTIFICATE-----
        """,
        "elsewhere.key": """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgiqE8JhJHRN3M7/OW
        eH1C7RwP3dyPeoXa+JXkhYDE7qahRANCAAT9Ru14GkAwS8tjsmKa/6vpM3VM9Vd3
        ZrgevD8qNnFpIRmswuZIL2UpHiRMiCOGzVedpapQ52G3PbqHhXtaJCqw
        -----END PRIVATE KEY-----
        """,
        "client.pem": """
        -----BEGIN CERTIFICATE-----
        MIIBoDCCAUagAwIBAgIUQm49515gCXi7hXJID3gGreTmG9YwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOUm9sbGNhbGwgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjEy
        NTEyMzEwMDAwMDBaMBExDzANBgNVBAMMBmNsaWVudDBZMBMGByqGSM49AgEGCCqG
        SM49AwEHA0IABNp2S3c7IIyUiSvJeaBdg/EOLWcG1INWo4keZa5lVZ2hEbbpdDK/
        1PLt7YRZhGAS6OlpNkSO8vnSvu4/ioLwebGjcjBwMAkGA1UdEwQCMAAwDgYDVR0P
        AQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMCMB8GA1UdIwQYMBaAFNGnrNGN
        bGEstMdK5zHWs9C0zkM0MB0GA1UdDgQWBBSjZerhwXN+wusCI+8kcJd/e39RhTAK
        BggqhkjOPQQDAgNIADBFAiAaBhQ4MbEN/RKWpSoHscKXVC+d2orFOF2tel0wtghU
        AQIhAPLzfgyHNBUOC85k05NDaChEahhcki0tpmBss+/ZJt/K
        -----END CERTIFICATE-----
        """,
        "client.key": """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk56YY9qx9b7C7wCP
        ZuUaR8m7RUAg7OX4+Zti42haLC6hRANCAATadkt3OyCMlIkryXmgXYPxDi1nBtSD
        VqOJHmWuZVWdoRG26XQyv9Ty7e2EWYRgEujpaTZEjvL50r7uP4qC8Hmx
        -----END PRIVATE KEY-----
        """,
        "client-protected.key": """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBC4WzVpMe5dCBqXQrqz
        mbDaAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ3GuOlxaPTfpwezZr
        pdmDSgSBkC+o+9hkxkwGU2jznDjc0eFtX/vsp9jf+RqH0QapGCDxpmmMuttHMRSb
        qBLWa9eRN729DEJEMQsYPu49fPUmbwmlsIz9A33XWYWFondDhq5yorbMTmIy7sre
        UUTM1ArpEm3EzRGhBZYfG0m2vGqWMsKLyeaSIcGIpTb9AhNk9kgm2K0IPFfmQsht
        /ImkSeej/w==
        -----END ENCRYPTED PRIVATE KEY-----
        """,
        "stranger.pem": """
        -----BEGIN CERTIFICATE-----
        MIIBtTCCAVugAwIBAgIUXLTocsvxis26YLFNKpzq0JOhMdIwCgYIKoZIzj0EAwIw
        LDEqMCgGA1UEAwwhUm9sbGNhbGwgdGVzdHMsIGFub3RoZXIgYXV0aG9yaXR5MCAX
        DTIwMDEwMTAwMDAwMFoYDzIxMjUxMjMxMDAwMDAwWjATMREwDwYDVQQDDAhzdHJh
        bmdlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPHM0m2jU6yFr754+/jAG20f
        wi497cU54VWCdfmTj1Xzxq5jFbniTMWrRCtbRryLGThNgvNNZZN8mH2r0Arwedyj
        cjBwMAkGA1UdEwQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUF
        BwMCMB8GA1UdIwQYMBaAFNOkCC8KS9iNLaDxFmPc+z0GSGsuMB0GA1UdDgQWBBS3
        +H+7+g2MWiOvHaUSAYK+B1w4GTAKBggqhkjOPQQDAgNIADBFAiEA0ROe/9w6qDf8
        vBiVueQjznyI+odtcaFoYYh6CXbVLEkCIAnm/aWpDyNCKsD+Mr2CgTDJlJ64E18U
        tROkdcn0BQHH
        -----END CERTIFICATE-----
        """,
        "stranger.key": """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXbIoqGfUjFGLAXhX
        DtIPjl/pT8FAlxugYwhhCmqchuqhRANCAATxzNJto1Osha++ePv4wBttH8IuPe3F
        OeFVgnX5k49V88auYxW54kzFq0QrW0a8ixk4TYLzTWWTfJh9q9AK8Hnc
        -----END PRIVATE KEY-----
        """,
    ]
}
