using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Exchange.Hosting;

/// <summary>An Ed25519 signing key (RFC 8032), held by the operating system's libcrypto: the base library has no Ed25519.</summary>
public sealed partial class Ed25519 : IDisposable
{
    public const int SeedSize = 32;
    public const int PublicKeySize = 32;
    public const int SignatureSize = 64;

    private const int KeyType = 1087; // EVP_PKEY_ED25519

    private readonly KeyHandle handle;

    private Ed25519(KeyHandle key, byte[] publicKey)
    {
        handle = key;
        PublicKey = publicKey;
    }

    public byte[] PublicKey { get; }

    public static Ed25519 FromSeed(ReadOnlySpan<byte> seed)
    {
        if (seed.Length != SeedSize)
        {
            throw new ArgumentException($"An Ed25519 seed has {SeedSize} bytes, not {seed.Length}.", nameof(seed));
        }
        var key = Native.NewPrivateKey(KeyType, 0, seed, (nuint)seed.Length);
        if (key.IsInvalid)
        {
            throw Failed("EVP_PKEY_new_raw_private_key");
        }
        var publicKey = new byte[PublicKeySize];
        nuint length = PublicKeySize;
        if (Native.GetPublicKey(key, publicKey, ref length) != 1 || length != PublicKeySize)
        {
            key.Dispose();
            throw Failed("EVP_PKEY_get_raw_public_key");
        }
        return new Ed25519(key, publicKey);
    }

    public byte[] Sign(ReadOnlySpan<byte> message)
    {
        using var context = Native.NewContext();
        // Pure EdDSA hashes by itself: the digest must be NULL, and there is no streaming.
        if (context.IsInvalid || Native.SignInit(context, 0, 0, 0, handle) != 1)
        {
            throw Failed("EVP_DigestSignInit");
        }
        var signature = new byte[SignatureSize];
        nuint length = SignatureSize;
        if (Native.Sign(context, signature, ref length, message, (nuint)message.Length) != 1 || length != SignatureSize)
        {
            throw Failed("EVP_DigestSign");
        }
        return signature;
    }

    /// <summary>False for any signature that is not this key's over this message, malformed ones included.</summary>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != PublicKeySize || signature.Length != SignatureSize)
        {
            return false;
        }
        using var key = Native.NewPublicKey(KeyType, 0, publicKey, (nuint)publicKey.Length);
        if (key.IsInvalid)
        {
            return false;
        }
        using var context = Native.NewContext();
        if (context.IsInvalid || Native.VerifyInit(context, 0, 0, 0, key) != 1)
        {
            throw Failed("EVP_DigestVerifyInit");
        }
        return Native.Verify(context, signature, (nuint)signature.Length, message, (nuint)message.Length) == 1;
    }

    public void Dispose() => handle.Dispose();

    private static CryptographicException Failed(string call) => new($"libcrypto: {call} failed.");

    private sealed class KeyHandle() : SafeHandle(0, ownsHandle: true)
    {
        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            Native.FreeKey(handle);
            return true;
        }
    }

    private sealed class ContextHandle() : SafeHandle(0, ownsHandle: true)
    {
        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            Native.FreeContext(handle);
            return true;
        }
    }

    private static partial class Native
    {
        private const string Library = "libcrypto";

        static Native() => NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolve);

        // The runtime packages of a distribution carry only the versioned name.
        private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) =>
            name != Library ? 0
            : NativeLibrary.TryLoad("libcrypto.so.3", out var library) ? library
            : NativeLibrary.TryLoad("libcrypto.so", out library) ? library
            : 0;

        [LibraryImport(Library, EntryPoint = "EVP_PKEY_new_raw_private_key")]
        public static partial KeyHandle NewPrivateKey(int type, nint engine, ReadOnlySpan<byte> key, nuint length);

        [LibraryImport(Library, EntryPoint = "EVP_PKEY_new_raw_public_key")]
        public static partial KeyHandle NewPublicKey(int type, nint engine, ReadOnlySpan<byte> key, nuint length);

        [LibraryImport(Library, EntryPoint = "EVP_PKEY_get_raw_public_key")]
        public static partial int GetPublicKey(KeyHandle key, Span<byte> publicKey, ref nuint length);

        [LibraryImport(Library, EntryPoint = "EVP_PKEY_free")]
        public static partial void FreeKey(nint key);

        [LibraryImport(Library, EntryPoint = "EVP_MD_CTX_new")]
        public static partial ContextHandle NewContext();

        [LibraryImport(Library, EntryPoint = "EVP_MD_CTX_free")]
        public static partial void FreeContext(nint context);

        [LibraryImport(Library, EntryPoint = "EVP_DigestSignInit")]
        public static partial int SignInit(ContextHandle context, nint keyContext, nint digest, nint engine, KeyHandle key);

        [LibraryImport(Library, EntryPoint = "EVP_DigestSign")]
        public static partial int Sign(ContextHandle context, Span<byte> signature, ref nuint signatureLength, ReadOnlySpan<byte> message, nuint length);

        [LibraryImport(Library, EntryPoint = "EVP_DigestVerifyInit")]
        public static partial int VerifyInit(ContextHandle context, nint keyContext, nint digest, nint engine, KeyHandle key);

        [LibraryImport(Library, EntryPoint = "EVP_DigestVerify")]
        public static partial int Verify(ContextHandle context, ReadOnlySpan<byte> signature, nuint signatureLength, ReadOnlySpan<byte> message, nuint length);
    }
}
