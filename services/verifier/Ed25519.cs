using System.Runtime.InteropServices;

namespace Exchange.Verifier;

/// <summary>Ed25519 verification by the operating system's libcrypto. The verifier shares no code with the services it checks.</summary>
internal static partial class Ed25519
{
    private const string Library = "libcrypto.so.3";
    private const int KeyType = 1087; // EVP_PKEY_ED25519

    public static bool Verify(byte[] publicKey, byte[] message, byte[] signature)
    {
        if (publicKey.Length != 32 || signature.Length != 64)
        {
            return false;
        }
        nint key = 0, context = 0;
        try
        {
            key = NewPublicKey(KeyType, 0, publicKey, 32);
            context = NewContext();
            return key != 0 && context != 0
                && VerifyInit(context, 0, 0, 0, key) == 1
                && VerifyOnce(context, signature, 64, message, (nuint)message.Length) == 1;
        }
        finally
        {
            FreeContext(context);
            FreeKey(key);
        }
    }

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_new_raw_public_key")]
    private static partial nint NewPublicKey(int type, nint engine, byte[] key, nuint length);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_free")]
    private static partial void FreeKey(nint key);

    [LibraryImport(Library, EntryPoint = "EVP_MD_CTX_new")]
    private static partial nint NewContext();

    [LibraryImport(Library, EntryPoint = "EVP_MD_CTX_free")]
    private static partial void FreeContext(nint context);

    [LibraryImport(Library, EntryPoint = "EVP_DigestVerifyInit")]
    private static partial int VerifyInit(nint context, nint keyContext, nint digest, nint engine, nint key);

    [LibraryImport(Library, EntryPoint = "EVP_DigestVerify")]
    private static partial int VerifyOnce(nint context, byte[] signature, nuint signatureLength, byte[] message, nuint length);
}
