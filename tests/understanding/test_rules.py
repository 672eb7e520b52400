"""Rules over the table of turns, and their promises: pure, quick to load, never raising."""

import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.complaint import Answer, Slot
from agent.tamil.normalize import clean
from agent.understanding.rules import Rules, TurnContext

TURNS = tomllib.loads((Path(__file__).parent.parent / "data" / "turns.toml").read_text("utf-8"))[
    "turn"
]
SLOTS = st.sampled_from([None, *Slot])
TAMIL = st.text(
    alphabet=st.one_of(
        st.characters(min_codepoint=0x0B80, max_codepoint=0x0BFF),
        st.sampled_from(" .,?!()-0123456789abyz\u200c\u200d\n"),
    ),
    max_size=80,
)
WORDS = st.lists(
    st.sampled_from(sorted({word for turn in TURNS for word in turn["say"].split()})), max_size=25
).map(" ".join)

TROUBLES = [
    ("RATION", "பென்சன் வர்றது எல்லாம் சரிதான், ரேசன்லதான் பாமாயில் போட மாட்டேங்கான்"),
    ("RATION", "எங்களுக்கு பச்சரிசியே தர்றதில்ல, வர்ற புழுங்கரிசியும் வண்டு மொய்க்குது"),
    ("RATION", "பிடிஎஸ் ஷாப் மந்த்லி டூ டேஸ்தான் ஓப்பன் பண்றாங்க, ரைஸ் வாங்கவே முடியல"),
    ("RATION", "வாங்காத பொருளுக்கு போன்ல மெசேஜ் வருது சார் சீனி வாங்கினதா"),
    ("RATION", "ration card la irandhu pona appa peru innum irukku edukka solli alaiyurom"),
    ("PENSION", "ரேஷன் கடையாண்ட வச்சி குடுப்பாங்களே முதியோர் பணம் அது நின்னு போச்சு"),
    ("PENSION", "விடோ பென்ஷன் அமௌன்ட் லாஸ்ட் த்ரீ மந்த்ஸா கிரெடிட் ஆகல"),
    ("PENSION", "ஓ ஏ பி பணம் நிறுத்திட்டாங்க தாலுகா ஆபீஸ்ல கேட்டா ஆதார் இணைக்கலங்கறாங்க"),
    ("PENSION", "ஓல்டேஜ் பென்ஷன் க்ரெடிட் ஆகல, பேங்க்ல கேஒய்சி பண்ண சொல்றாங்க"),
    ("PENSION", "amma ku 68 age, pension apply panni reject pannitaanga, reason sollala"),
    ("PENSION", "நான் ரிட்டயர்டு பஸ் கண்டக்டர், பென்ஷன் அரியர் இன்னும் வரல"),
    ("PENSION", "கணவர் இறந்து குடும்பம் கஷ்டப்படுது விதவை திட்டத்துல மனு குடுத்தேன்"),
    ("KMUT", "கலைஞர் மகளிர் திட்டத்துல அப்ளை பண்ணேன், நாட் எலிஜிபிள்னு மெசேஜ் வந்துச்சு"),
    ("KMUT", "லேடீஸுக்கு குடுக்கற ஒன் தவுசண்ட் ருபீஸ் ஸ்கீம் என் மதருக்கு ஸ்டாப் ஆயிடுச்சு"),
    ("KMUT", "magalir thogai ku appeal panni 5 maasam aachu badhil illa"),
    ("KMUT", "குடும்பத் தலைவிகளுக்கு வழங்கப்படும் தொகை எனக்கு மட்டும் மறுக்கப்பட்டுள்ளது"),
    ("KMUT", "பொம்பளைங்களுக்கு மாசாமாசம் போடற ஆயிரம் எனக்கு ரெண்டு மாசமா வரல"),
    ("KMUT", "உரிமைத்தொக கேட்டு கேம்புல எழுதிக் குடுத்தேன் தகுதி இல்லைன்னு தள்ளிப்புட்டாக"),
    ("KMUT", "ladies ku monthly thousand rupees scheme apply panna portal open aagala"),
    ("PATTA", "எங்க நிலத்த அளக்க சர்வேயருக்கு பணம் கட்டி எட்டு மாசம் ஆச்சு இன்னும் வரல"),
    ("PATTA", "land survey panna surveyor varave illa, subdivision pending"),
    ("PATTA", "எடத்த அளக்கச் சொல்லி ஆறு மாசமா நடக்கேன், அந்த ஆளு வரவே மாட்டேங்கான்"),
    ("PATTA", "அண்ணன் தம்பி பாகம் பிரிச்சு தனித்தனி பட்டா கேட்டு மனு குடுத்தோம்"),
    ("PATTA", "நிலத்தின் எல்லையை அளந்து தருமாறு கோரி கட்டணம் செலுத்தி ஓராண்டு ஆகிறது"),
    ("PATTA", "ஈசி போட்டா வேற யாரோ பேர் வருது, டாக்குமெண்ட் எங்ககிட்ட இருக்கு"),
    ("CERTIFICATE", "பழங்குடியினர் சான்றிதழ் கேட்டு மூணு வருசமா அலையறோம் ஆர்டிஓ ஆபீஸ்ல"),
    ("CERTIFICATE", "இ சேவை மையம் எப்ப போனாலும் சர்வர் டவுன்னு சொல்றாங்க"),
    ("CERTIFICATE", "ஆதார்ல டேட் ஆஃப் பர்த் மாத்த மூணு வாட்டி போயிட்டேன், ரிஜெக்ட் ஆகுது"),
    ("CERTIFICATE", "இருப்பிடச் சான்றிதழ் பெற பலமுறை விண்ணப்பித்தும் நிராகரிக்கப்படுகிறது"),
    ("CERTIFICATE", "income certificate apply panni 15 days, VAO sign podala"),
    ("CERTIFICATE", "மகளுக்கு ஜாதி சான்று வாங்க தாலுகா ஆபீசுக்கு மூணு மாசமா அலையறேன்"),
    ("SCHOOL", "எங்க ஊரு இஸ்கூல்ல பாத்ரூம் கதவே இல்ல பொட்டப்புள்ளைங்க எங்க போவும்"),
    ("SCHOOL", "பள்ளிக்கூடத்துக்கு காம்பவுண்ட் சுவரே இல்லீங்க, மாடு உள்ள வருது"),
    ("SCHOOL", "அங்கன்வாடில பிள்ளையளுக்கு குடிக்க தண்ணி கெடையாது"),
    ("SCHOOL", "school la lunch romba mosam, muttai azhugi pochu"),
    ("SCHOOL", "பள்ளியில் கழிப்பறை வசதி இல்லாததால் மாணவிகள் மிகவும் அவதிப்படுகின்றனர்"),
    ("SCHOOL", "தனியார் பள்ளியில் கூடுதல் கட்டணம் வசூலிக்கிறார்கள்"),
    ("SCHOOL", "அஞ்சாப்பு வரைக்கும் ஒரே வாத்தியாருதான் இருக்காரு எங்க ஊரு பள்ளிக்கூடத்துல"),
    ("HOSPITAL", "பிஹெச்சில நைட்டு டாக்டரே இல்ல, நர்சு மட்டும்தான் இருக்காங்க"),
    ("HOSPITAL", "ஆசுபத்திரில மாத்திர இல்ல வெளிய வாங்கிக்கோங்கறாக"),
    ("HOSPITAL", "நூத்தியெட்டுக்கு போன் பண்ணா ரெண்டு மணி நேரம் கழிச்சு வர்றாங்க எப்பவுமே"),
    ("HOSPITAL", "ஜிஹெச்ல டயாலிசிஸ் மெஷின் ரிப்பேர், பிரைவேட்ல மூவாயிரம் கேக்கறாங்க"),
    ("HOSPITAL", "insurance card irundhum operation panna maatraanga govt hospital la"),
    ("HOSPITAL", "நாய் கடிச்சதுக்கு ஊசி போட ஆஸ்பத்திரி போனா மருந்து ஸ்டாக் இல்லங்கறாங்க"),
    ("HOSPITAL", "எக்ஸ்ரே எடுக்க ஃபிலிம் இல்லங்கறாங்க, வெளிய எடுக்க சொல்றாங்க"),
    ("POLICE", "நைட்ல பசங்க பைக் ரேஸ் ஓட்டி தூங்க விட மாட்றாங்க"),
    ("POLICE", "என் ஆட்டுக்குட்டி நாலும் காணோம் களவாண்டுட்டு போய்ட்டாய்ங்க"),
    ("POLICE", "ஓடிபி கேட்டு அக்கவுண்ட்ல இருந்து அறுபதாயிரம் எடுத்துட்டாங்க"),
    ("POLICE", "kandhu vatti kaaran daily veetuku vandhu miratturaan"),
    ("POLICE", "பஸ் ஸ்டாண்ட்ல என் பர்ஸ திருடிட்டாங்க, ஸ்டேஷன்ல கம்ப்ளைண்ட் எடுக்கல"),
    ("POLICE", "ஏலச்சீட்டு நடத்துனவன் ரெண்டு லட்சத்த சுருட்டிட்டு ஓடிட்டான்"),
    ("POLICE", "கஞ்சா அடிச்சுட்டு பசங்க ஸ்கூல் பக்கத்துல ரகளை"),
    ("CORRUPTION", "பட்டா மாத்த தாலுகா ஆபீஸ்ல ஐயாயிரம் ரூபா கேக்குறாங்க"),
    ("CORRUPTION", "விஏஓ கையெழுத்து போட ரெண்டாயிரம் வச்சாதான் ஆகும்ங்கறாரு"),
    ("CORRUPTION", "சாதி சான்றிதழ் வாங்க போனா காசு கேக்காக அண்ணே"),
    ("CORRUPTION", "முதியோர் பென்ஷன் வாங்கித் தரேன்னு கமிஷன் வாங்கறாங்க தாலுக்கா ஆபீசுல"),
    ("CORRUPTION", "EB office la new connection ku 5000 kekkuraanga sir"),
    ("CORRUPTION", "அந்த ஆபீசர் டேபிளுக்கு கீழ குடுத்தாத்தான் ஃபைல தொடுவாரு"),
    ("CORRUPTION", "வீட்டு வரி பேர் மாத்த டென் தவுசண்ட் டிமாண்ட் பண்றாங்க"),
    ("JOBS", "மக டிகிரி முடிச்சு மூணு வருசமா வீட்டுல இருக்கா ஒரு வேல போட்டுக் குடுங்க"),
    ("JOBS", "பேக்டரில நாலு மாசமா சம்பளம் போடல முதலாளி ஓடிட்டாரு"),
    ("JOBS", "கட்டட வேலை செய்யற எங்களுக்கு நல வாரிய அட்ட புதுப்பிச்சு தர மாட்டேங்குறாங்க"),
    ("JOBS", "எம்பிஏ படிச்சுட்டு சொமாட்டோ ஓட்டறேன் சார், ஏதாச்சும் நல்ல வேல பாத்து குடுங்க"),
    ("JOBS", "மூணு மாசமா சம்பளமே வரல, தனியார் பஸ் கம்பெனில டிரைவர் நான்"),
    ("JOBS", "பொண்ணுக்கு தையல் பயிற்சி குடுத்து மெஷின் தர்றதா சொன்னாங்க தரல"),
    ("JOBS", "factory la pf pidichaanga aana account la podala"),
    ("NREGA", "நூறு நாள் வேலைல கூலி ஏறல ரெண்டு மாசமா"),
    ("NREGA", "ஹண்ட்ரட் டேஸ் ஒர்க்ல வேஜஸ் இன்னும் கிரெடிட் ஆகல"),
    ("NREGA", "job card irukku aana velai kudukka maattengaraanga panchayat la"),
    ("NREGA", "ஏரி வேலைக்கு போனா போட்டோ விழலன்னு அனுப்பிட்டாக"),
    ("NREGA", "நூறு நாள் வேலையில எங்க பேர மட்டும் விட்டுட்டாங்க"),
    ("NREGA", "100 naal velai sambalam 2 maasama varala"),
    ("NREGA", "பணித்தளத்துல போட்டோ எடுக்கல அதனால ஆப்சென்ட் போட்டுட்டாங்கங்க"),
    ("STUDENT", "பொண்ணுக்கு ஸ்காலர்ஷிப் வரல, எல்லா சான்றிதழும் குடுத்தாச்சு"),
    ("STUDENT", "பிசி ஹாஸ்டல்ல சாப்பாடு கேவலமா இருக்கு, பாத்ரூம்ல தண்ணி வரல"),
    ("STUDENT", "படிப்புக்கு பேங்க்ல லோன் தர மாட்டேங்காவ, மக எம்பிபிஎஸ் படிக்கா"),
    ("STUDENT", "தம்பிக்கு லேப்டாப் இன்னும் தரல, பக்கத்து காலேஜ்ல குடுத்துட்டாங்க"),
    ("STUDENT", "pudhumai penn thittam 1000 rooba 3 maasama varala"),
    ("STUDENT", "காலேஜ் ஹாஸ்டல்ல பொண்ணுங்களுக்கு சோறு சரியில்ல, வார்டன் கண்டுக்கல"),
    ("STUDENT", "எம்பையன் பன்னண்டாவது முடிச்சு ஒரு வருசமாச்சு லேப்டாப் தரவேயில்ல"),
    ("DISABILITY", "எனக்கு ஒரு கால் இல்ல சார், ஊனமுற்றோர் உதவித்தொகை நாலு மாசமா வரல"),
    ("DISABILITY", "எம்புள்ளைக்கு மூளை வளர்ச்சி இல்ல, மாச உதவிப் பணம் நின்னு போச்சு"),
    ("DISABILITY", "கலெக்டர் ஆபீஸ்ல ரேம்ப் இல்ல வீல்சேர்ல போறவங்க எப்படி மேல ஏறுறது"),
    ("DISABILITY", "en thambi ku kaadhu kekkadhu, hearing machine kettu manu kuduthom"),
    ("DISABILITY", "மை சிஸ்டர் ப்ளைண்ட், யு டி ஐ டி கார்டு ரினியூவல் பெண்டிங்"),
    ("DISABILITY", "கை கால் வெளங்காத புள்ளைங்க, பஸ்சுல ஏத்த மாட்டேங்கறாங்க பாஸ் இருந்தும்"),
    ("DISABILITY", "ஊனமுற்றோர் ஸ்கூட்டர் கேட்டு மூணு வருசமா மனு போடுறேன்"),
    ("WOMENCHILD", "பஸ் ஸ்டாப்ல நிக்கற பொண்ணுங்கள பசங்க கிண்டல் பண்றானுங்க"),
    ("WOMENCHILD", "எம் மக வீட்டுக்காரன் தெனமும் குடிச்சுப்போட்டு அடிக்கறானுங்க"),
    ("WOMENCHILD", "செங்கல் சூளையில சின்னப் பசங்கள வேலைக்கு வச்சிருக்காங்க"),
    ("WOMENCHILD", "in laws dowry kettu torture panraanga en akkava"),
    ("WOMENCHILD", "மாமியாரும் நாத்தனாரும் சேர்ந்து கொடும பண்ணுதாவ பத்து பவுன் கேக்காவ"),
    ("WOMENCHILD", "பதினாறு வயதுச் சிறுமிக்குத் திருமணம் செய்ய ஏற்பாடு நடக்கிறது"),
    ("WOMENCHILD", "பக்கத்து வீட்டு பெரியவர் என் ஆறு வயசு பொண்ண தப்பா தொட்டிருக்காரு"),
    ("DISCRIMINATION", "கோவில் திருவிழாவுல எங்கள சாமி கும்பிட விட மாட்டேங்காவ"),
    ("DISCRIMINATION", "ஸ்கூல்ல எங்க புள்ளைங்கள தனியா உக்கார வைக்கறாங்க சாதி பாத்து"),
    ("DISCRIMINATION", "சலூன்ல எங்க ஆளுங்களுக்கு முடி வெட்ட மாட்டேங்கறாங்க"),
    ("DISCRIMINATION", "temple ulla enga aalungala vida maattengaraanga"),
    ("DISCRIMINATION", "செருப்பு போட்டு அவிய்ங்க தெருவுல நடக்கக் கூடாதுங்குறாய்ங்க"),
    ("DISCRIMINATION", "டீ ஸ்டால்ல எங்களுக்கு பேப்பர் கப்ல மட்டும் சர்வ் பண்றாங்க"),
    ("DISCRIMINATION", "ஊர் பொதுக் கெணத்துல எங்கள தண்ணி எடுக்க விட மாட்டேங்குறாங்க"),
    ("LIQUOR", "ஸ்கூலுக்கு பக்கத்துலயே டாஸ்மாக் இருக்கு மூடச் சொல்லுங்க"),
    ("LIQUOR", "பெட்டிக் கடைல பிளாக்ல சரக்கு விக்கறாங்க காலைல ஆறு மணிக்கே"),
    ("LIQUOR", "குடிச்சுட்டு ரோட்டுல விழுந்து கெடக்கறானுங்க பொம்பளைங்க நடக்க முடியல"),
    ("LIQUOR", "tasmac shop bus stop kitta iruku ladies nikka mudiyala"),
    ("LIQUOR", "ஒயின் ஷாப்ப கோயில் எதிர்லயே தொறந்து வச்சிருக்காங்க"),
    ("LIQUOR", "மலையில கள்ளச்சாராயம் காய்ச்சி பாக்கெட்டுல விக்கறாங்க"),
    ("LIQUOR", "எங்க சந்துல குடிகாரனுங்க தொல்ல தாங்கல, பாட்டில ரோட்டுலயே ஒடைக்கறானுங்க"),
    ("OTHER", "எம்எல்ஏவ நேர்ல பாத்து கல்யாண பத்திரிகை வைக்கணும்"),
    ("OTHER", "எங்க காலேஜ் ஆண்டு விழாவுக்கு சிறப்பு விருந்தினரா வரணும்னு கேட்டுக்கறோம்"),
    ("OTHER", "mla sir a meet panni oru recommendation letter vaanganum"),
    ("OTHER", "வாக்காளர் பட்டியல்ல என் பேரு இல்ல சேர்க்கணும்"),
    ("OTHER", "எங்க பையன் கல்யாணத்துக்கு எம்எல்ஏ வந்து வாழ்த்தணும்னு ஆசைப்படறோம்"),
    ("OTHER", "எங்க கிளப்புக்கு வாலிபால் போட்டி நடத்த எம்எல்ஏ சார் தலைமை தாங்கணும்"),
    ("POLICE", "மாட்டுத் தொழுவத்துல இருந்த ரெண்டு எருமைய ராவோட ராவா ஓட்டிட்டு போயிட்டாய்ங்க"),
    ("CORRUPTION", "கையெழுத்துக்கு ஒரு ரேட்டு, சீலுக்கு ஒரு ரேட்டு வச்சிருக்காரு எங்க விஏஓ"),
    ("DISCRIMINATION", "கோயில்ல பொங்கல் வைக்க எங்க தெருக்காரங்கள மட்டும் விட மாட்டேங்குறாங்க"),
    # Traps: what only stands beside the trouble, or sounds like another one.
    ("ROAD", "பள்ளிக்கூடத்துக்கு போற ரோடு குண்டும் குழியுமா இருக்கு புள்ளைங்க விழுதுங்க"),
    ("ROAD", "டாஸ்மாக் பக்கத்துல ரோடு ஒடஞ்சு கெடக்கு"),
    ("ROAD", "ஆஸ்பத்திரி போற ரோடு மோசமா இருக்கு ஆம்புலன்ஸ் கூட வர முடியல"),
    ("ROAD", "யாராச்சும் ஆளு செத்தாத்தான் கண்டுக்குவீங்களா இந்த ரோட்டுல பள்ளம்"),
    ("ROAD", "செருப்பு போட்டு நடக்க முடியல சேறும் சகதியுமா கெடக்கு ரோடு"),
    ("ROAD", "பள்ளிக்குச் செல்லும் சாலை மிகவும் மோசமாக உள்ளது மாணவர்கள் விழுகின்றனர்"),
    ("ROAD", "velaikku poradhukku romba kashtam, road full ah pallam"),
    ("GARBAGE", "ஸ்கூல் பக்கத்துல குப்பை மலை மாதிரி கெடக்கு"),
    ("GARBAGE", "பேப்பர் கப்பு பிளாஸ்டிக் எல்லாம் தெருவுல குப்பையா கெடக்கு"),
    ("GARBAGE", "டாஸ்மாக் கிட்ட குப்பை அள்ளவே இல்ல"),
    ("GARBAGE", "பொது கழிப்பறை சுத்தமா இல்ல, பூட்டி வச்சிருக்காங்க"),
    ("STREETLIGHT", "லேடீஸ் ஹாஸ்டல் பக்கத்துல தெரு லைட் எரியல பயமா இருக்கு"),
    ("STREETLIGHT", "சுடுகாடு பக்கத்துல தெரு விளக்கு எரியல"),
    ("STREETLIGHT", "பொம்பளப் புள்ளைங்கள தனியா அனுப்ப முடியல, தெரு விளக்கு எரியல"),
    ("STREETLIGHT", "லைட் எரியலன்னு லைன்மேன்கிட்ட சொன்னா வேலை இருக்குன்னு போயிட்டாரு"),
    ("STREETLIGHT", "iruttaa irukku ponnunga varadhuku bayama irukku, light eriyala"),
    ("WATER", "ரேஷன் கடை தெருவுல தண்ணி வரல"),
    ("WATER", "எங்க வார்டுல தண்ணி வந்து ஒரு வாரமாச்சு"),
    ("WATER", "உக்காந்து குடிக்க கூட தண்ணி இல்ல குழாயில"),
    ("WATER", "டேங்குல மலம் கலந்த தண்ணி வருது குடிக்க முடியல"),
    ("WATER", "போர்வெல் போட்டு மோட்டார் மாட்டல பஞ்சாயத்துல, வேலைய பாதில விட்டுட்டாங்க"),
    ("WATER", "metro water lorry varala, 2 naala kudikka thanni illa"),
    ("BUS", "காலேஜ் போற பசங்களுக்கு காலைல பஸ்ஸே வரல"),
    ("BUS", "வேலைக்கு போற பொம்பளைங்க நாங்க, பஸ் நிக்காம போகுது"),
    ("BUS", "பஸ் கண்டக்டர் அசிங்கமா பேசுறாரு ஃப்ரீ டிக்கெட்னா"),
    ("BUS", "ஸ்கூல் பசங்க பஸ் படிக்கட்டுல தொங்கிட்டு போறாங்க பஸ் கம்மி"),
    ("MOSQUITO", "கொசு மருந்து அடிக்க வரவே இல்ல குழந்தைங்களுக்கு காய்ச்சல்"),
    ("MOSQUITO", "குழந்தைங்களுக்கு டெங்கு வந்துடுச்சு கொசு மருந்து அடிக்கல"),
    ("POWER", "கரண்ட் கம்பம் சாஞ்சு இருக்கு ஸ்கூல் புள்ளைங்க போற வழி"),
    ("POWER", "எங்க வீட்டுக்காரர் சொன்னாரு கரண்ட் அடிக்கடி போகுதுன்னு"),
    ("POWER", "எங்களுக்கு மட்டும் கரண்ட் இல்ல பக்கத்து தெருவுல இருக்கு"),
    ("POWER", "மீட்டர் பழுது, ஈபி ஆபீஸ்ல புகார் குடுத்தா எடுத்துக்க மாட்டேங்குறாங்க"),
    ("SEWAGE", "பள்ளிவாசல் கிட்ட சாக்கடை அடைச்சு நாத்தம் அடிக்குது"),
    ("SEWAGE", "ஆஸ்பத்திரி எதிர்ல சாக்கடை பொங்கி வழியுது"),
    ("SEWAGE", "naatham thaanga mudiyala saakadai adachu 1 week aachu"),
    ("DOGS", "ஸ்கூல் போற புள்ளைங்கள தெரு நாய் தொரத்துது"),
    ("DOGS", "நாய் கூட்டமா வந்து பொண்ணு பின்னாடியே ஓடுது"),
    ("FLOOD", "வெள்ள நிவாரணம் ஆறாயிரம் எங்களுக்கு மட்டும் தரல"),
    ("HOUSING", "கனவு இல்லம் திட்டத்துல ரெண்டாவது தவணை பணம் வரல"),
    ("FARM", "நெல்லு மூட்டை கொள்முதல் நிலையத்துல எடுக்க மாட்டேங்குறாங்க"),
    ("IRRIGATION", "ஏரி தூர் வாரவே இல்ல பத்து வருசமா"),
]
"""What callers say for the services of the office, and what lies near to it."""


def got(turn, field):
    match field:
        case "seats":
            return sorted(c.number for c in turn.place.candidates) if turn.place else []
        case "locality":
            return turn.place.locality_en if turn.place else None
        case "question":
            return turn.place.question if turn.place else None
        case "outside":
            return turn.place is not None and turn.place.outside
        case "categories":
            return [category.value for category in turn.categories]
        case _:
            return getattr(turn, field)


def context(rules, case):
    known = rules.understand(case["known"], Slot.PLACE).place if "known" in case else None
    return TurnContext(place=known, phone_digits=case.get("before", ""))


def name_of(case):
    return f"{case.get('asked', 'none')}-{case['say'][:40]}"


@pytest.mark.parametrize("case", TURNS, ids=[name_of(case) for case in TURNS])
def test_a_turn_is_understood(rules, case):
    asked = Slot(case["asked"]) if "asked" in case else None
    turn = rules.understand(case["say"], asked, context(rules, case))
    for field, want in case.get("want", {}).items():
        assert got(turn, field) == want, field
    for field in case.get("absent", ()):
        value = got(turn, field)
        assert value is None or value is False or value in ([], ""), field


@pytest.mark.parametrize(("category", "say"), TROUBLES, ids=[say for _, say in TROUBLES])
def test_a_trouble_is_told_in_many_ways(rules, category, say):
    turn = rules.understand(say, Slot.COMPLAINT)
    assert [told.value for told in turn.categories][:1] == [category]


def test_every_decision_says_its_rule_and_repeats_no_number_or_name(rules):
    turn = rules.understand("என் பேரு முருகேசன் பல்லடத்துல தெரு லைட் எரியல நம்பர் 9876543210")
    assert {d.field for d in turn.decisions} == {"category", "intent", "place", "phone"}
    assert {d.by for d in turn.decisions} == {"rule"}
    assert all(d.evidence and 0.0 <= d.score <= 1.0 for d in turn.decisions)
    told = " ".join(d.value + d.evidence for d in turn.decisions)
    assert "9876543210" not in told
    assert "முருகேசன்" not in told


def test_a_ticket_number_is_believed_only_when_its_check_digit_is():
    strict = Rules.load(valid_ticket=lambda number: number == "204103274")
    assert strict.understand("204103274", Slot.TICKET).ticket == "204103274"
    wrong = strict.understand("204103275", Slot.TICKET)
    assert wrong.ticket is None
    assert wrong.digits == "204103275"


def test_a_refused_place_stays_unanswered_and_is_no_village(rules):
    turn = rules.understand("சொல்ல மாட்டேன்", Slot.PLACE)
    assert turn.answer is Answer.REFUSED
    assert turn.place is None


@settings(max_examples=150, deadline=None)
@given(text=st.one_of(st.text(max_size=120), TAMIL, WORDS), slot=SLOTS)
def test_any_text_is_understood_without_error_and_stays_nfc(rules, text, slot):
    turn = rules.understand(text, slot)
    said = [turn.text, turn.landmark or "", turn.name or ""]
    said += [turn.place.spoken] if turn.place else []
    assert all(unicodedata.is_normalized("NFC", words) for words in said)
    assert turn.expecting is slot
    assert len(turn.place.candidates if turn.place else ()) <= 6


@settings(max_examples=60, deadline=None)
@given(first=WORDS, second=WORDS, slot=SLOTS)
def test_understanding_is_pure_whatever_was_understood_before(rules, first, second, slot):
    alone = rules.understand(first, slot)
    rules.understand(second, slot)
    assert rules.understand(first, slot) == alone


@settings(max_examples=100, deadline=None)
@given(text=st.one_of(st.text(), TAMIL))
def test_cleaning_twice_changes_nothing(text):
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("வீடு தீப்பிடிச்சு எரியுது உள்ள குழந்தை மாட்டிக்கிச்சு சீக்கிரம் வாங்க", 0),
        ("மூணு நாளா கரண்ட் கம்பி அறுந்து ரோட்டுல கிடக்கு", 3),
    ],
)
def test_a_danger_is_of_today_unless_told_otherwise(rules, said, days):
    turn = rules.understand(said, Slot.COMPLAINT)
    assert turn.emergency
    assert turn.days == days
